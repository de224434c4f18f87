"""Conversations as one text, and back.

A transcript is a list of turns. As text, each turn is a label (the speaker's name and a colon), a space and what was
said; a blank line stands between turns:

    Human: Hello there.

    Assistant: Good morning!

The space belongs to what is said, not to the label: a prompt ends in "Assistant:" and the completion begins with the
space, in training text and in prompts alike, so that both are cut into the same tokens. A turn in which nothing has
been said is a label alone; an open turn is just such a turn, at the end.

Where a label counts. Only at a structural place: at the start of the text or right after a blank line ("\\n\\n"), and
followed by a space, a line break or the end. The same words anywhere else are words.

What if a turn says a name and a colon after a blank line itself? By default they are escaped with a backslash
("\\Human:"), which is taken off when the text is parsed; a paragraph that already begins with backslashes and a label
gets one more. So `parse(render(t)) == t` for every transcript, no turn can speak in another's name, and what is said
never holds a stop text. With `labels_in_text="refuse"` such a turn raises UserError instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from harness.errors import UserError, closest

TURN_SEPARATOR = "\n\n"
# What may follow a label, as a look-ahead.
_AFTER_LABEL = r"(?=[ \n]|\Z)"
# A name is one line without a colon; no space at its ends, and no backslash before it (that would be an escape).
_ANY_NAME = r"(?![\\\s])[^:\n]{1,60}(?<!\s)"


@dataclass(frozen=True)
class Turn:
    """What one speaker says until another speaks."""

    speaker: str
    """The name, without the colon."""
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


@dataclass(frozen=True)
class TranscriptFormat:
    """How a kind of transcript is written."""

    name: str
    """As in `Document.format`."""
    speakers: tuple[str, ...] | None = None
    """Who may speak; None where any one-line name of at most 60 characters without a colon will do."""
    labels_in_text: Literal["escape", "refuse"] = "escape"
    """What to do with a turn whose text would be read as another turn's label."""

    def __post_init__(self) -> None:
        for name in self.speakers or ():
            if not re.fullmatch(_ANY_NAME, name):
                raise ValueError(f"transcript format {self.name!r}: {_bad_name(name)}")

    def label(self, speaker: str) -> str:
        """What opens a turn: "Human:". UserError for a name that this format doesn't allow."""
        if self.speakers is not None and speaker not in self.speakers:
            raise UserError(
                f"format {self.name!r} has no speaker {speaker!r}; it has {', '.join(self.speakers)}."
                f"{closest(speaker, self.speakers)}"
            )
        if self.speakers is None and not re.fullmatch(_ANY_NAME, speaker):
            raise UserError(_bad_name(speaker))
        return f"{speaker}:"

    def render(self, transcript: Transcript) -> str:
        """The transcript as text. UserError for a speaker (or, by choice, a text) that this format doesn't allow."""
        return TURN_SEPARATOR.join(self.label(turn.speaker) + self._body(turn) for turn in transcript.turns)

    def parse(self, text: str) -> Transcript:
        """The turns of a text: of one that `render` wrote, exactly those; UserError where it opens with no label.

        Text that a model wrote is read leniently: a label right before a line break is a label too.
        """
        if not text:
            return Transcript()
        labels = list(self._labels.find(text))
        if not labels or labels[0][0] != 0:
            who = "NAME:" if self.speakers is None else " or ".join(f"{name}:" for name in self.speakers)
            raise UserError(
                f"a transcript in format {self.name!r} opens with a label ({who}); this text opens with "
                f"{text[:40]!r}. Put the first speaker's name and a colon before it."
            )
        ends = [begin - len(TURN_SEPARATOR) for begin, _ in labels[1:]] + [len(text)]
        return Transcript(
            tuple(
                self.completed_turn(text[begin : after - 1], text[after:end])
                for (begin, after), end in zip(labels, ends, strict=True)
            )
        )

    def open_turn(self, transcript: Transcript, speaker: str) -> str:
        """A prompt for what `speaker` says next: the transcript as text, and the speaker's label, ready for " text"."""
        return self.render(transcript.with_turn(speaker, ""))

    def stop_text(self, next_speaker: str) -> str:
        """What a completion writes when it hands over to `next_speaker`: a blank line and that speaker's label."""
        return TURN_SEPARATOR + self.label(next_speaker)

    def completed_turn(self, speaker: str, completion: str) -> Turn:
        """The turn that a completion of `open_turn` wrote, once the stop text is cut off."""
        return Turn(speaker, self._escaped_label.sub(r"\1\2", completion.removeprefix(" ")))

    def _body(self, turn: Turn) -> str:
        body = f" {turn.text}" if turn.text else ""
        if self.labels_in_text == "escape":
            return self._label_in_text.sub(r"\1\\\2", body)
        if found := self._label_in_text.search(body):
            raise UserError(
                f"a turn of {turn.speaker} has the words {found[2]!r} after a blank line, which format {self.name!r} "
                "would read as the next turn. Take out the blank line, or let the format escape it "
                "(labels_in_text=escape)."
            )
        return body

    @cached_property
    def _label(self) -> str:
        if self.speakers is None:
            return f"{_ANY_NAME}:"
        return f"(?:{'|'.join(re.escape(name) for name in sorted(self.speakers, key=len, reverse=True))}):"

    @cached_property
    def _labels(self) -> LabelFinder:
        return LabelFinder(self._label)

    @cached_property
    def _label_in_text(self) -> re.Pattern[str]:
        return re.compile(rf"(\n\n)(\\*{self._label})")

    @cached_property
    def _escaped_label(self) -> re.Pattern[str]:
        return re.compile(rf"(\n\n)\\(\\*{self._label})")


class LabelFinder:
    """Finds labels at structural places: at the start of a text or right after a blank line, with a space, a line break
    or the end behind them."""

    def __init__(self, label: str) -> None:
        """`label`: a regular expression for a label with its colon; it must not match a line break."""
        self._first = re.compile(label + _AFTER_LABEL)
        # The literal beginning makes this search fast.
        self._following = re.compile(rf"\n\n({label}){_AFTER_LABEL}")

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Where each label begins and ends, in order."""
        if first := self._first.match(text):
            yield first.span()
        for match in self._following.finditer(text):
            yield match.span(1)


def _bad_name(name: str) -> str:
    return (
        f"{name!r} can't be a speaker's name: a name is one line of 1 to 60 characters without a colon, with no space "
        "at its ends and no backslash at its beginning. Use another name."
    )


HUMAN = "Human"
ASSISTANT = "Assistant"
HUMAN_ASSISTANT = TranscriptFormat("human_assistant", speakers=(HUMAN, ASSISTANT))
PLAY = TranscriptFormat("play")
FORMATS: dict[str, TranscriptFormat] = {HUMAN_ASSISTANT.name: HUMAN_ASSISTANT, PLAY.name: PLAY}


def get_format(name: str) -> TranscriptFormat:
    """The format of that name; UserError naming those there are."""
    if name not in FORMATS:
        raise UserError(
            f"no transcript format {name!r}; there are {', '.join(sorted(FORMATS))}.{closest(name, FORMATS)}"
        )
    return FORMATS[name]


def join_turns(turns: Iterable[Turn], between: str) -> tuple[Turn, ...]:
    """The same turns, consecutive ones of one speaker joined with `between`."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].speaker == turn.speaker:
            joined[-1] = Turn(turn.speaker, joined[-1].text + between + turn.text)
        else:
            joined.append(turn)
    return tuple(joined)
