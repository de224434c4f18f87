"""lm_eval's chat messages as a transcript of ours, for --apply_chat_template.

The one place that says which format that is. A reply's beginning is left to lm_eval's rule for spaces: our transcripts
give the space after a label to what is said, so a prompt here ends in "Assistant: ", and where a continuation is scored
lm_eval moves the space to it; where a reply is written, `harness.lm_eval.generation` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.common.errors import UserError
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT

FORMAT = HUMAN_ASSISTANT
TURN_END = FORMAT.stop_text(HUMAN)
"""What a model of ours writes when its turn has ended, as others write a special token."""
REPLY_OPENING = f"{FORMAT.label(ASSISTANT)} "
"""What a prompt for a reply ends in."""

_SPEAKERS = {"user": HUMAN, "assistant": ASSISTANT}
_BETWEEN = "\n\n"


def render(messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """Messages of {"role", "content"} as a prompt, with the assistant's turn opened or (where the last message is the
    beginning of it) left open.

    The format has no turn for a system message: it opens the first turn of the human. UserError for another role.
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
