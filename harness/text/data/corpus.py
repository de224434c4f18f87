"""A data set: documents, split by document into train, validation and test.

A `DataSource` is the settings of one data set (one YAML under conf/data); its `load()` gives a `Corpus`. A corpus has a
fingerprint over its content, so that results can be stored under what they were made from. The same settings always
give the same corpus, in any process.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, get_args

from harness.common.errors import UserError, closest
from harness.text.data.near_copies import without_case_and_space
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY, TranscriptFormat, chat_format
from harness.text.utf8 import encode_utf8 as encode_utf8

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
FEW_BYTES = 1_000
"""A split with less text than this gets a remark."""
USUAL_FORMATS = (HUMAN_ASSISTANT, PLAY)
"""The formats of a data source that doesn't say otherwise."""


@dataclass(frozen=True)
class Document:
    """One text, read by a model from its first character to its last, after a start token."""

    id: str
    """Stable and unique within its corpus: "hamlet/1.1"."""
    text: str
    """What a model reads; never empty."""
    source: str
    """The document's data set, also inside a mixture: "shakespeare"."""
    cluster: str
    """The unit of resampling: the play, the conversation. Documents of one cluster are correlated."""
    format: str | None = None
    """The name of the transcript's format ("human_assistant", "play"); None where the document isn't a transcript.
    `Corpus.format_of` gives the format."""

    @cached_property
    def num_bytes(self) -> int:
        """Length of the text in bytes of UTF-8."""
        return len(encode_utf8(self.text))


@dataclass(frozen=True, eq=False)
class Corpus:
    """The documents of a data set, by split. No document id occurs twice. Equal corpora have equal fingerprints."""

    name: str
    """The data set's name, as in `data=`."""
    train: tuple[Document, ...]
    """For fitting models."""
    validation: tuple[Document, ...]
    """For choosing checkpoints and settings."""
    test: tuple[Document, ...]
    """For reported results only."""
    notes: tuple[str, ...] = ()
    """What a user should know about how this corpus was made (files skipped, documents cut); one sentence each."""
    formats: tuple[TranscriptFormat, ...] = USUAL_FORMATS
    """The formats that documents may name."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the formats and, split by split, every field of each document, in order: everything
        that models or evals may read."""
        digest = hashlib.sha256()

        def update(content: object) -> None:
            # JSON values show where they end, so different corpora never give the same bytes.
            digest.update(json.dumps(content).encode())

        update([dataclasses.asdict(form) for form in self.formats])
        for split in SPLITS:
            update(split)
            for document in self.documents(split):
                update([getattr(document, field.name) for field in dataclasses.fields(document)])
        return digest.hexdigest()

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes, and remarks on copies of training documents and on very small splits; one sentence each."""
        remarks = list(self.notes)
        if copies := self.held_out_copies:
            num_held_out = len(self.validation) + len(self.test)
            remarks.append(
                f"{len(copies)} of {num_held_out} documents for validation and test are copies of training documents, "
                "but for case and white space: results on them are too good"
            )
        sizes = {split: self.num_bytes(split) for split in SPLITS}
        small = [f"{split} {size:,}" for split, size in sizes.items() if size < FEW_BYTES]
        if small:
            remarks.append(
                f"there is very little text (bytes: {', '.join(small)}): figures from under {FEW_BYTES:,} bytes say "
                "next to nothing. Give it more"
            )
        return tuple(remarks)

    @cached_property
    def held_out_copies(self) -> tuple[Document, ...]:
        """The documents for validation and test whose text is that of a training document, but for case and white
        space."""
        known = {without_case_and_space(document.text) for document in self.train}
        held_out = (*self.validation, *self.test)
        return tuple(document for document in held_out if without_case_and_space(document.text) in known)

    @property
    def chat_format(self) -> TranscriptFormat:
        """The format of conversations between a human and an assistant in this corpus."""
        return chat_format(self.formats)

    def format_of(self, document: Document) -> TranscriptFormat | None:
        """A document's format; None where it isn't a transcript."""
        if document.format is None:
            return None
        return next(form for form in self.formats if form.name == document.format)

    def documents(self, split: str) -> tuple[Document, ...]:
        """The documents of "train", "validation" or "test"; UserError for another word."""
        if split == "train":
            return self.train
        if split == "validation":
            return self.validation
        if split == "test":
            return self.test
        raise UserError(f"no split {split!r}: a corpus has {', '.join(SPLITS)}.{closest(split, SPLITS)}")

    def __iter__(self) -> Iterator[tuple[Split, Document]]:
        """Every document with its split, in the order of the fingerprint."""
        for split in SPLITS:
            for document in self.documents(split):
                yield split, document

    def num_bytes(self, split: str) -> int:
        """Total length of a split's texts in bytes of UTF-8."""
        return sum(document.num_bytes for document in self.documents(split))


class DataSource(ABC):
    """The settings of one data set: a frozen dataclass with one field for each option.

    A wrong value raises ValueError, with a sentence for the user, when the settings are made. Wrong data (a file that
    is missing or can't be read) raises UserError from `load`.
    """

    name: ClassVar[str]
    """The name in `data=`."""

    @property
    def formats(self) -> tuple[TranscriptFormat, ...]:
        """The formats of its transcripts, the same as its corpus has."""
        return USUAL_FORMATS

    @abstractmethod
    def load(self) -> Corpus:
        """Load the corpus. The same settings give the same corpus in any process."""
