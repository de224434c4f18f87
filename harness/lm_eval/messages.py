"""lm_eval's chat messages as one of our transcripts, for --apply_chat_template.

This module decides the format. In our transcripts the space after a label belongs to what is said. Here a prompt ends
in "Assistant: ", with the space: lm_eval moves it to the continuation when it scores one, and
`harness.lm_eval.generation` moves it when a reply is generated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.common.errors import UserError
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT

FORMAT = HUMAN_ASSISTANT
TURN_END = FORMAT.stop_text(HUMAN)
"""The text that ends a turn of our models, where other models write a special token."""
REPLY_OPENING = f"{FORMAT.label(ASSISTANT)} "
"""The end of a prompt for a reply."""

_SPEAKERS = {"user": HUMAN, "assistant": ASSISTANT}
_BETWEEN = "\n\n"


def render(messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """Messages of {"role", "content"} as a prompt. add_generation_prompt: whether to open a turn for the assistant;
    else the last message stays open.

    The format has no turn for system messages: their text goes to the start of the human's first turn. UserError for
    another role.
    """
    system = [message["content"] for message in messages if message["role"] == "system"]
    turns: list[Turn] = []
    for message in messages:
        if message["role"] == "system":
            continue
        if message["role"] not in _SPEAKERS:
            raise UserError(
                f"a chat message has the role {message['role']!r}; allowed are system, {', '.join(_SPEAKERS)}."
            )
        turns.append(Turn(_SPEAKERS[message["role"]], message["content"]))
    if system:
        first = turns.pop(0) if turns and turns[0].speaker == HUMAN else None
        said = system if first is None else [*system, first.text]
        turns.insert(0, Turn(HUMAN, _BETWEEN.join(said)))
    if add_generation_prompt:
        return FORMAT.open_turn(Transcript(tuple(turns)), ASSISTANT) + " "
    return FORMAT.render(Transcript(tuple(turns)))
