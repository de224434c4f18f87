"""data=text: the user's own text, split into train, validation and test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from harness.common.errors import UserError
from harness.common.escapes import EscapedText
from harness.common.plurals import many
from harness.text.data.corpus import SPLITS, Corpus, DataSource, Document, Split
from harness.text.data.near_copies import count_near_copies, without_case_and_space
from harness.text.data.splitting import check_fractions, split_by_hash
from harness.text.data.stretches import cut_text, cut_transcript
from harness.text.data.text_files import find_files, read_texts
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat


@dataclass(frozen=True)
class Text(DataSource):
    """data=text: files of your own."""

    name: ClassVar[str] = "text"

    paths: str | list[str] = field(default_factory=list)
    """A file, a folder, a glob, or a list of these. In .txt and .md a file is a document; in .jsonl, .parquet and .csv
    a row is."""
    column: str = "text"
    """The column with the text, in .jsonl, .parquet and .csv."""
    separator: EscapedText | None = None
    """The text between documents within a .txt or .md, as "\\n\\n\\n" (escapes count); null: a file is one document."""
    encoding: str = "utf-8"
    """The files' encoding, by Python's name for it."""
    transcripts: bool = False
    """Whether the documents are transcripts, written as `format` says."""
    format: TranscriptFormat = HUMAN_ASSISTANT
    """How transcripts are written."""
    validation_fraction: float = 0.05
    """Share of the documents for validation, between 0 and 1."""
    test_fraction: float = 0.05
    """Share of the documents for test, between 0 and 1."""

    def __post_init__(self) -> None:
        if self.paths == []:
            raise ValueError(
                "paths is empty. data=text needs files: set data.paths to a file, a folder, a glob in quotes "
                "('books/*.txt'), or a list ([a.txt,b.txt])."
            )
        try:
            "a".encode(self.encoding)
        except (LookupError, UnicodeError):
            raise ValueError(
                f"encoding={self.encoding!r} is not known. Use Python's name, as utf-8, latin-1, cp1252 or utf-16."
            ) from None
        if self.separator == "":
            raise ValueError("separator is empty: name the text between documents, or null for none.")
        check_fractions(self.validation_fraction, self.test_fraction)

    @property
    def formats(self) -> tuple[TranscriptFormat, ...]:
        return (self.format,) if self.transcripts else ()

    def load(self) -> Corpus:
        """The files' documents. UserError where nothing is found or something can't be read."""
        paths = [self.paths] if isinstance(self.paths, str) else self.paths
        files, notes = find_files(paths)
        documents, empty, notes_on_files = self._read(files)
        if not documents:
            raise UserError(
                f"data=text: nothing but empty text in {many(len(files), 'file')} ({_some(empty)}). Name files with "
                "text."
            )
        if empty:
            notes.append(f"{many(len(empty), 'empty file')} skipped ({_some(empty)})")
        notes += notes_on_files
        splits: dict[Split, list[Document]] = {"train": [], "validation": [], "test": []}
        for document in documents:
            key = without_case_and_space(document.text)
            splits[split_by_hash(key, self.validation_fraction, self.test_fraction)].append(document)
        is_cut = not all(splits.values())
        if is_cut:
            splits = self._cut(documents)
            notes.append(
                f"{many(len(documents), 'document')}: too few to split whole. Each is cut into three parts: its "
                "beginning is for training, its middle for validation, its end for test"
            )
        notes += _notes_on_copies(documents, splits, is_cut)
        train, validation, test = (tuple(splits[split]) for split in SPLITS)
        return Corpus(self.name, train, validation, test, notes=tuple(notes), formats=self.formats)

    def _read(self, files: Sequence[Path]) -> tuple[list[Document], list[Path], list[str]]:
        """The documents of all files, the files that have none, and notes for the user."""
        # Names don't depend on the files' location, so the same files elsewhere are the same corpus.
        root = os.path.commonpath([file.resolve().parent for file in files])
        documents: list[Document] = []
        first_of: dict[str, str] = {}
        empty, with_crlf, without_separator = [], [], []
        for file in files:
            name = _as_text(file.resolve().relative_to(root))
            read = read_texts(file, self.column, self.encoding, self.separator)
            texts = read.texts
            for i, text in enumerate(texts):
                if text.strip():
                    self._check_format(text, file)
                    identity = name if len(texts) == 1 else f"{name}#{i}"
                    form = self.format.name if self.transcripts else None
                    # Copies are correlated, so they share the cluster of the first one.
                    cluster = first_of.setdefault(without_case_and_space(text), identity)
                    documents.append(Document(identity, text, self.name, cluster, form))
            if not any(text.strip() for text in texts):
                empty.append(file)
            if read.has_crlf:
                with_crlf.append(file)
            if read.lacks_separator:
                without_separator.append(file)
        notes = []
        if with_crlf:
            notes.append(
                f"Windows line ends (CR LF) are read as LF in {len(with_crlf)} of {many(len(files), 'file')} "
                f"({_some(with_crlf)})"
            )
        if in_rows := sum("\r\n" in document.text for document in documents):
            notes.append(
                f"Windows line ends (CR LF) are kept in {in_rows} of {many(len(documents), 'document')} (rows of "
                ".jsonl, .csv and .parquet)"
            )
        if without_separator:
            notes.append(
                f"data.separator={self.separator!r} never occurs in {len(without_separator)} of "
                f"{many(len(files), 'file')} ({_some(without_separator)}): each of these is one document, "
                f"{many(len(documents), 'document')} in all"
            )
        return documents, empty, notes

    def _check_format(self, text: str, file: Path) -> None:
        if self.transcripts:
            try:
                self.format.parse(text)
            except UserError as error:
                raise UserError(
                    f"{file}: {error} Or pick the right format with format=, or leave data.transcripts=false."
                ) from None

    def _cut(self, documents: Sequence[Document]) -> dict[Split, list[Document]]:
        """Each document cut into stretches; one that is too short to cut is for training."""
        splits: dict[Split, list[Document]] = {"train": [], "validation": [], "test": []}
        fractions = self.validation_fraction, self.test_fraction
        for document in documents:
            if self.transcripts:
                stretches = cut_transcript(document.text, self.format, *fractions)
            else:
                stretches = cut_text(document.text, *fractions)
            if stretches is None:
                splits["train"].append(document)
                continue
            for split, text in zip(SPLITS, stretches, strict=True):
                identity, cluster = f"{document.id}:{split}", f"{document.cluster}:{split}"
                splits[split].append(replace(document, id=identity, cluster=cluster, text=text))
        if not splits["test"]:
            unit = "turns" if self.transcripts else "characters"
            raise UserError(
                f"data=text: every document has fewer than the 3 {unit} that a split needs. Name files with more text."
            )
        return splits


def _notes_on_copies(
    documents: Sequence[Document], splits: Mapping[Split, Sequence[Document]], is_cut: bool
) -> list[str]:
    """What a user should know about documents that are like others. is_cut: whether each document is in all splits."""
    notes = []
    copies = len(documents) - len({document.cluster for document in documents})
    if copies:
        notes.append(
            f"{copies} of {many(len(documents), 'document')} {'repeats' if copies == 1 else 'repeat'} others, but for "
            f"case and white space: copies count as one in intervals{'' if is_cut else ' and share a split'}"
        )
    held_out = [document.text for split in SPLITS[1:] for document in splits[split]]
    near = count_near_copies(held_out, (document.text for document in splits["train"]))
    if near:
        notes.append(
            f"{near} of {many(len(held_out), 'document')} for validation and test are near-copies of training text "
            "(four in five sequences of five words are alike): results on them are too good. Take such documents out"
        )
    return notes


def _as_text(file: Path) -> str:
    """A file's name as text; bytes that aren't UTF-8 are written as "\\xe9"."""
    return os.fsencode(file.as_posix()).decode("utf-8", "backslashreplace")


def _some(files: Sequence[Path]) -> str:
    return ", ".join(_as_text(file) for file in files[:3]) + (", ..." if len(files) > 3 else "")
