"""Conversations as one text, and back.

A format defines how the turns of a transcript are written. A turn is a label with the speaker's name, then what is
said; a format may close it with an end text. A separator comes between turns. The formats that come with bakeoff (⏎ is
a line break):

    human_assistant   Human: Hello there.⏎⏎Assistant: Good morning!
    chatml            <|im_start|>user⏎Hello there.<|im_end|>⏎<|im_start|>assistant⏎Good morning!<|im_end|>
    play              HAMLET: To be.⏎⏎First Lord: Or not.                 (any names)

The first and the last have no end text. In them the space after the label belongs to what is said: a prompt ends in
"Assistant:" and the completion begins with the space. Training text does the same, so both give the same tokens. An
empty turn is only a label; an open turn is only a label, at the end.

A label counts only at a structural place, that is at the start of the text or right after a separator (and the end text
of the turn before), and only where text can follow it. An end text counts before the next label and at the end
of the text. Anywhere else the same characters are ordinary text.

Text in a turn that would end the turn gets a backslash by default ("\\Human:" after a blank line, "<\\|im_end|>"
anywhere), which parsing removes; existing backslashes get one more. So `parse(render(t)) == t` for every
transcript, no turn can pretend to be another speaker's, and what is said never contains a stop text. With
`labels_in_text="refuse"` such a turn raises UserError instead.

For this to hold, labels, end texts and separators must not overlap with each other or with themselves. Then the first
place that looks like the end of a turn is one, and a backslash in the middle of it is enough to make it ordinary text.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from harness.common.errors import UserError, closest
from harness.common.escapes import EscapedText
from harness.text.transcript import ASSISTANT, HUMAN, SYSTEM, Transcript, Turn

MOST_NAME_CHARACTERS = 60


@dataclass(frozen=True)
class TranscriptFormat:
    """How a kind of transcript is written: the settings of `format=`."""

    name: str
    """As in `Document.format`."""
    speakers: dict[str, EscapedText] | None = None
    """Who may speak, and the name that is written for each; None: anyone, with a name of one line and at most 60
    characters."""
    before_name: EscapedText = ""
    """Beginning of a label, before the name."""
    after_name: EscapedText = ":"
    """End of a label, after the name."""
    before_text: EscapedText = " "
    """White space between a label and what is said; it belongs to what is said."""
    end: EscapedText = ""
    """The end text of every turn; '': a turn ends only at the next label."""
    between: EscapedText = "\n\n"
    """What is written between turns."""
    labels_in_text: Literal["escape", "refuse"] = "escape"
    """What to do with a turn whose text would be read as its end: escape it, or refuse it."""

    def __post_init__(self) -> None:
        if mistake := _mistake_in(self):
            raise ValueError(mistake)

    def label(self, speaker: str) -> str:
        """The label of a speaker: "Human:". UserError for a speaker that this format doesn't allow."""
        if self.speakers is None:
            if mistake := self.mistake_in_name(speaker):
                raise UserError(mistake)
        elif speaker not in self.speakers:
            raise UserError(
                f"nobody is called {speaker!r} in the format {self.name!r}.{closest(speaker, self.speakers)} Allowed: "
                f"{', '.join(self.speakers)}. With format=play anyone may speak."
            )
        return self.before_name + self.written_name(speaker) + self.after_name

    def written_name(self, speaker: str) -> str:
        """The name that is written for a speaker: 'user' for 'Human'."""
        return speaker if self.speakers is None else self.speakers[speaker]

    def render(self, transcript: Transcript) -> str:
        """The transcript as text. UserError for a speaker that this format doesn't allow, and for a text where
        `labels_in_text` refuses it."""
        turns = [self.label(turn.speaker) + self.body(turn) for turn in transcript.turns]
        return (self.end + self.between).join(turns) + (self.end if turns else "")

    def open_turn(self, transcript: Transcript, speaker: str) -> str:
        """A prompt for what `speaker` says next: the transcript as text and the speaker's label, ready for the body."""
        before = self.render(transcript) + self.between if transcript.turns else ""
        return before + self.label(speaker)

    def body(self, turn: Turn) -> str:
        """A turn's text after its label: " text", escaped. UserError where `labels_in_text` says so."""
        body = self.before_text + turn.text if turn.text else ""
        if self.labels_in_text == "escape":
            return self._ends_in_text.sub(r"\1\\", body)
        if match := self._ends_in_text.search(body):
            words = match[2] if self.between and not self.end else match[1] + match[2]
            where = "" if self.end else " after a blank line" if self.between == "\n\n" else f" after {self.between!r}"
            raise UserError(
                f"a turn of {turn.speaker} has the words {words!r}{where}, which would end the turn in format "
                f"{self.name!r}. Take them out, or let the format escape them (labels_in_text=escape)."
            )
        return body

    def stop_text(self, next_speaker: str) -> str:
        """What a completion writes to hand over to `next_speaker`: the end text, or in a format without one, the
        separator and that speaker's label."""
        return self.end or self.between + self.label(next_speaker)

    def parse(self, text: str) -> Transcript:
        """The turns of a text; for text from `render`, exactly its turns. UserError where no label begins it.

        Text from a model is read leniently: an end text or a label that isn't at a structural place is ordinary text,
        and a label may be followed by a line break.
        """
        if not text:
            return Transcript()
        first = self._opening.match(text)
        if first is None:
            names = ("NAME",) if self.speakers is None else self.speakers.values()
            who = " or ".join(self.before_name + name + self.after_name for name in names)
            raise UserError(
                f"a transcript in format {self.name!r} begins with a label ({who}); this text begins with "
                f"{text[:40]!r}. Put the first speaker's label before it."
            )
        return Transcript(self.reply(self._speaker_of(first[0]), text[first.end() :]))

    def reply(self, speaker: str, completion: str) -> tuple[Turn, ...]:
        """The turns in a completion of `open_turn`: the speaker's own, and any turns written for others.

        The last one may be incomplete.
        """
        bodies = []
        begin = 0
        open_turn: str | None = speaker
        for boundary in self.boundaries(self._label).finditer(completion):
            bodies.append((open_turn, completion[begin : boundary.start()]))
            open_turn = None if boundary["label"] is None else self._speaker_of(boundary["label"])
            begin = boundary.end()
        bodies.append((open_turn, completion[begin:]))
        return tuple(
            Turn(name, self._escaped_ends.sub(r"\1", body).removeprefix(self.before_text))
            for name, body in bodies
            if name is not None
        )

    @property
    def token_labels(self) -> tuple[str, ...]:
        """The texts that `speaker_tokens` makes single tokens: the two markers around every turn, or else the labels of
        the format's speakers."""
        if self.end and self.before_name:
            return (self.before_name, self.end)
        labels = [self.label(speaker).rstrip() for speaker in self.speakers or ()]
        return (*labels, self.end) if self.end else tuple(labels)

    @property
    def after_label(self) -> str:
        """A look-ahead for what must follow a label: what is said, or the end of an empty turn."""
        if not self.before_text:
            return ""
        return rf"(?={re.escape(self.before_text)}|\n|{re.escape(self.end or self.between)}|\Z)"

    @property
    def after_token_label(self) -> str:
        """`after_label` for `token_labels`, which leave out white space at a label's end."""
        left_out = self.after_name[len(self.after_name.rstrip()) :]
        return rf"(?={re.escape(left_out)}{self.after_label})" if left_out else self.after_label

    def boundaries(self, label: str) -> re.Pattern[str]:
        """A pattern for the boundary between two turns, with the next label in the group `label`. In a format with an
        end text also for the last end, and for ends before other labels of the format, with an empty group.

        label: a regular expression for the labels to find, or their beginnings.
        """
        end, between = re.escape(self.end), re.escape(self.between)
        # The literal beginning makes this search fast.
        if not end:
            return re.compile(f"{between}(?P<label>{label})")
        return re.compile(rf"{end}(?:{between}(?:(?P<label>{label})|(?={self._label}))|(?:{between})?\Z)")

    @cached_property
    def _name(self) -> str:
        """A regular expression for a name. A name contains no first character of the format's parts, so its end is
        always clear."""
        barred = {"\n", *self.after_name[:1], *self.end[:1], *("" if self.end else self.between)}
        return rf"(?![\\\s])[^{re.escape(''.join(sorted(barred)))}]{{1,{MOST_NAME_CHARACTERS}}}(?<!\s)"

    @cached_property
    def _bare_label(self) -> str:
        names = [re.escape(name) for name in (self.speakers or {}).values()] or [self._name]
        return f"{re.escape(self.before_name)}(?:{'|'.join(names)}){re.escape(self.after_name)}"

    @cached_property
    def _label(self) -> str:
        return self._bare_label + self.after_label

    @cached_property
    def _opening(self) -> re.Pattern[str]:
        return re.compile(self._label)

    @cached_property
    def _ends_in_text(self) -> re.Pattern[str]:
        """Text that would end a turn: its first part in a group, and a look-ahead for the second."""
        first, second = self._end_in_two
        return re.compile(rf"({first})(?=\\*({second}))")

    @cached_property
    def _escaped_ends(self) -> re.Pattern[str]:
        first, second = self._end_in_two
        return re.compile(rf"({first})\\(?=\\*{second})")

    @property
    def _end_in_two(self) -> tuple[str, str]:
        if self.end:
            return re.escape(self.end[0]), re.escape(self.end[1:])
        return re.escape(self.between), self._bare_label

    def _speaker_of(self, label: str) -> str:
        name = label[len(self.before_name) : len(label) - len(self.after_name)]
        if self.speakers is None:
            return name
        return next(speaker for speaker, written in self.speakers.items() if written == name)

    def mistake_in_name(self, name: str) -> str | None:
        """What is wrong with a speaker's name, as a sentence for the user; None where nothing is."""
        label = self.before_name + name + self.after_name
        if re.fullmatch(self._name, name) and not _runs_into(self.between + label, self.end):
            return None
        return (
            f"{name!r} can't be a speaker's name in format {self.name!r}: a name is one line of 1 to "
            f"{MOST_NAME_CHARACTERS} characters, without spaces at its ends, without a backslash at its beginning, and "
            "without text that closes a label or a turn. Use another name."
        )


def _mistake_in(form: TranscriptFormat) -> str | None:
    """What is wrong with a format, as a sentence for the user; None where nothing is."""
    if not form.name:
        return "name is empty. Give the format a name, as human_assistant."
    for part in ("before_name", "after_name", "end", "between"):
        if "\\" in getattr(form, part):
            return (
                f"{part}={getattr(form, part)!r} has a backslash, which is reserved for escapes. Use other characters. "
                '(Write a line break as "\\n" in a YAML file; on the command line, type it between quotes.)'
            )
    if form.before_text.strip():
        return f"before_text={form.before_text!r} may contain only white space. Put words into after_name."
    if form.before_name[:1].isspace():
        return f"before_name={form.before_name!r} begins with white space. Move the white space to the end of between."
    return (_mistake_in_end(form) if form.end else _mistake_in_between(form)) or _mistake_in_speakers(form)


def _mistake_in_end(form: TranscriptFormat) -> str | None:
    if form.end in form.between:
        return f"between={form.between!r} contains the end {form.end!r}, which is written anyway. Take it out."
    if len(form.end) < 2 or form.end[0].isspace() or form.end[0] in form.end[1:]:
        return (
            f"end={form.end!r} must have 2 characters or more. The first must not be white space and must not occur "
            "again. An example: <|im_end|>."
        )
    return None


def _mistake_in_between(form: TranscriptFormat) -> str | None:
    if form.between and not set(form.between) & set(form.before_name + form.after_name):
        return None
    return (
        f"between={form.between!r} must not be empty, and must share no character with labels (before_name="
        f"{form.before_name!r}, after_name={form.after_name!r}), or they can't be told apart in a text. Put white "
        "space after a label into before_text."
    )


def _mistake_in_speakers(form: TranscriptFormat) -> str | None:
    if form.speakers is None:
        if not form.after_name:
            return "after_name is empty: it marks where a name ends."
        if all(form.mistake_in_name(letter) for letter in string.ascii_letters):
            return (
                f"no name could be read between before_name={form.before_name!r} and after_name="
                f"{form.after_name!r}, since they run into end={form.end!r}. Use other characters."
            )
        return None
    if not form.speakers:
        return "speakers is empty. Name at least two, or use null to allow any name."
    for name in form.speakers.values():
        if mistake := form.mistake_in_name(name):
            return mistake
    labels = [name + form.after_name for name in form.speakers.values()]
    for label, other in itertools.permutations(labels, 2):
        if other == label:
            return f"speakers has {label!r} twice: they can't be distinguished. Use another name for one of them."
        if other.startswith(label):
            return f"speakers has {label!r}, with which {other!r} begins: they can't be distinguished. Use other names."
    return None


def _runs_into(left: str, right: str) -> bool:
    """Whether `right` is in `left`, or could begin in it and end after it."""
    return bool(right) and (right in left or any(left.endswith(right[:size]) for size in range(1, len(right))))


HUMAN_ASSISTANT = TranscriptFormat("human_assistant", {name: name for name in (HUMAN, ASSISTANT, SYSTEM)})
PLAY = TranscriptFormat("play")


def chat_format(
    formats: Sequence[TranscriptFormat], speakers: tuple[str, str] = (HUMAN, ASSISTANT)
) -> TranscriptFormat:
    """The format for a conversation of two speakers: the first that names both, else the first in which anyone may
    speak, else the format for a human and an assistant, else human_assistant. formats: those of a corpus."""
    naming = [form for form in formats if form.speakers is not None and form.speakers.keys() >= set(speakers)]
    open_to_all = [form for form in formats if form.speakers is None]
    if naming or open_to_all:
        return [*naming, *open_to_all][0]
    return HUMAN_ASSISTANT if speakers == (HUMAN, ASSISTANT) else chat_format(formats)
