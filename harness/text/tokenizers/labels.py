"""Speaker labels as single tokens: which labels, and where in a text.

With `speaker_tokens` on, a label at a structural place ("Human:" at the start of the text or after a blank line, or
"<|im_end|>" where a turn ends: see harness.text.transcript_format) is a single token; the same characters anywhere else
are plain text. So text in a turn can't imitate another turn, and a model ends its turn with one token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.text.tokenizers.tokenizer import TokenizerSettings
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat


@dataclass(frozen=True)
class SpeakerTokens(TokenizerSettings):
    """The options of tokenizers that can make speakers' labels tokens."""

    speaker_tokens: bool = False
    """Whether a speaker's label at the start of a turn is a single token."""
    labels: list[str] | None = None
    """The labels that become tokens; None: the labels of `format`, or the markers around its turns."""
    format: TranscriptFormat = HUMAN_ASSISTANT
    """How conversations are written, which decides where a label counts."""

    def __post_init__(self) -> None:
        check_labels(self.labels or [])
        if self.speaker_tokens and not self.active_labels:
            raise ValueError(
                f"speaker_tokens=true needs labels, because in format {self.format.name!r} anyone may speak. Name "
                "them, as labels=[HAMLET:,OPHELIA:], or leave speaker_tokens=false."
            )

    @property
    def active_labels(self) -> tuple[str, ...]:
        """The labels that become tokens; none when `speaker_tokens` is off."""
        if not self.speaker_tokens:
            return ()
        return self.format.token_labels if self.labels is None else tuple(self.labels)


def check_labels(labels: Sequence[str]) -> None:
    """ValueError with a sentence for the user, unless all of these can be speaker labels."""
    for label in labels:
        if not re.fullmatch(r"[^\\\s\ud800-\udfff](?:[^\n\ud800-\udfff]*[^\s\ud800-\udfff])?", label):
            raise ValueError(
                f"labels has {label!r}: a label is one line, as 'Human:', without spaces at its ends and without a "
                "backslash at its beginning."
            )
    if len(set(labels)) != len(labels):
        raise ValueError(f"labels has the same label twice: {list(labels)}. Name each once.")


class LabelTokens:
    """Splits a text at its speaker labels. Labels at a structural place become tokens; the rest stays text."""

    def __init__(self, labels: Sequence[str], form: TranscriptFormat, first_id: int) -> None:
        """labels: get the ids from `first_id` on, in order; without any, all is text. form: decides where they
        count."""
        self.ids = {label: first_id + i for i, label in enumerate(labels)}
        self._form = form
        opening = [
            _not_into_end(label, form.end)
            + re.escape(label)
            + ("" if label == form.before_name else form.after_token_label)
            for label in sorted(labels, key=len, reverse=True)
            if label != form.end
        ]
        any_label = f"(?:{'|'.join(opening)})" if opening else "(?!)"
        self._first = re.compile(any_label)
        self._boundaries = form.boundaries(any_label)

    def to_json(self) -> dict[str, Any]:
        """What `labels_from_json` reads."""
        return {"labels": list(self.ids), **({"format": asdict(self._form)} if self.ids else {})}

    def _find(self, text: str) -> Iterator[tuple[int, int]]:
        """Where each label begins and ends, in order."""
        if first := self._first.match(text):
            yield first.span()
        for boundary in self._boundaries.finditer(text):
            if self._form.end in self.ids:
                yield boundary.start(), boundary.start() + len(self._form.end)
            if boundary["label"] is not None:
                yield boundary.span("label")

    def split(self, text: str) -> Iterator[str | int]:
        """Stretches of plain text (never empty) and the ids of the labels between them, in order."""
        plain_from = 0
        for begin, end in self._find(text) if self.ids else ():
            if begin < plain_from:  # the first label has a separator in it
                continue
            if begin > plain_from:
                yield text[plain_from:begin]
            yield self.ids[text[begin:end]]
            plain_from = end
        if plain_from < len(text):
            yield text[plain_from:]

    def plain_stretches(self, text: str) -> Iterator[str]:
        """The stretches of plain text alone."""
        return (stretch for stretch in self.split(text) if isinstance(stretch, str))


def _not_into_end(label: str, end: str) -> str:
    """A look-ahead that refuses a label of which the end text takes a part: the `<` of `</turn>` opens no turn."""
    starts = range(len(label)) if end else ()
    return "".join(f"(?!{re.escape(label[:start] + end)})" for start in starts if end.startswith(label[start:]))


def labels_from_json(described: Mapping[str, Any]) -> tuple[list[str], TranscriptFormat]:
    """The labels in a tokenizer.json, and the format that says where they count."""
    labels = described["labels"]
    return labels, TranscriptFormat(**described["format"]) if labels else HUMAN_ASSISTANT
