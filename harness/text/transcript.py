"""Conversations as one text, and back.

A transcript is a list of turns; a format says how they are written. A turn is a label that names the speaker, then what
is said; a format may close it with an end. Something stands between one turn and the next. The formats that come with
bakeoff, where ⏎ is a line break:

    human_assistant   Human: Hello there.⏎⏎Assistant: Good morning!
    chatml            <|im_start|>user⏎Hello there.<|im_end|>⏎<|im_start|>assistant⏎Good morning!<|im_end|>
    play              HAMLET: To be.⏎⏎First Lord: Or not.                 (any names)

In the first and the last, which close no turn, the space after the label belongs to what is said: a prompt ends in
"Assistant:" and the completion begins with the space, in training text and in prompts alike, so that both are cut into
the same tokens. A turn in which nothing has been said is a label alone; an open turn is just that, at the end.

Where a label counts. Only at a structural place: at the start of the text, or right after what stands between turns,
the end of the turn before included; and only where text can begin behind it. An end counts before the next label and at
the end of the text. The same words anywhere else are words.

What if the words of a turn are such that they would end it? By default a backslash is put in ("\\Human:" after a blank
line, "<\\|im_end|>" anywhere), which is taken out when the text is parsed; where there are backslashes already there is
one more. So `parse(render(t)) == t` for every transcript, no turn can speak in another's name, and what is said never
holds a stop text. With `labels_in_text="refuse"` such a turn raises UserError instead. What a format must keep to for
all this to hold: harness.text.transcript_format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HUMAN = "Human"

ASSISTANT = "Assistant"

SYSTEM = "System"


@dataclass(frozen=True)
class Turn:
    """What one speaker says until another speaks."""

    speaker: str
    """Who speaks, as our data and evals call them; a format may write another name."""
    text: str
    """What is said: any text, also none."""


@dataclass(frozen=True)
class Transcript:
    """Turns in order. The same speaker may have several in a row."""

    turns: tuple[Turn, ...] = ()

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everyone who has a turn, in order of their first."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))

    def with_turn(self, speaker: str, text: str) -> Transcript:
        """This transcript and one more turn."""
        return Transcript((*self.turns, Turn(speaker, text)))


def join_turns(turns: Iterable[Turn], between: str) -> tuple[Turn, ...]:
    """The same turns, consecutive ones of one speaker joined with `between`."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].speaker == turn.speaker:
            joined[-1] = Turn(turn.speaker, joined[-1].text + between + turn.text)
        else:
            joined.append(turn)
    return tuple(joined)
