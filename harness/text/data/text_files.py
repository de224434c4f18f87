"""data=text: reads the user's own files into documents, unchanged with two exceptions.

A byte-order mark at the beginning of a file is removed. In .txt and .md, Windows line ends (CR LF) become LF, because
separators and formats need LF. Rows of .jsonl, .csv and .parquet keep CR LF, because it was written there on purpose.
"""

from __future__ import annotations

import codecs
import csv
import glob
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError, closest, one_line
from harness.common.files import expanded
from harness.common.plurals import many
from harness.common.reading import read_bytes, why_no_file

PLAIN_SUFFIXES = (".txt", ".md")
ROW_SUFFIXES = (".jsonl", ".parquet", ".csv")
SUFFIXES = (*PLAIN_SUFFIXES, *ROW_SUFFIXES)


def find_files(paths: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The files of paths, folders (with their subfolders) and globs, each once, in order; and notes for the user.

    In folders and globs, files of other kinds and hidden ones are skipped. UserError where a path matches nothing,
    or names a file of another kind.
    """
    files: dict[Path, Path] = {}
    skipped: list[Path] = []
    for name in paths:
        if not name:
            raise UserError(
                "data=text: one of the paths is empty. Name a file, a folder, or a glob as 'books/**/*.txt'."
            )
        path = expanded(name)
        if path.is_file():
            if path.suffix.lower() not in SUFFIXES:
                raise UserError(
                    f"data=text can't read {name}: its suffix is {path.suffix or 'missing'}. Allowed: "
                    f"{', '.join(SUFFIXES)}. Rename the file if it is plain text."
                )
            files.setdefault(path.resolve(), path)
            continue
        if path.is_dir():
            matches = sorted(_files_below(path))
            visible = [entry for entry in matches if not _is_hidden(entry.relative_to(path))]
        else:
            visible = sorted(Path(entry) for entry in glob.glob(str(path), recursive=True) if Path(entry).is_file())
        readable = [entry for entry in visible if entry.suffix.lower() in SUFFIXES]
        if not readable:
            raise UserError(_nothing_found(name, path, visible))
        skipped += [entry for entry in visible if entry.suffix.lower() not in SUFFIXES]
        for entry in readable:
            files.setdefault(entry.resolve(), entry)
    notes = []
    if skipped:
        names = ", ".join(str(entry) for entry in skipped[:3]) + (", ..." if len(skipped) > 3 else "")
        notes.append(f"{many(len(skipped), 'file')} of other kinds skipped ({names})")
    return list(files.values()), notes


@dataclass(frozen=True)
class FileTexts:
    """The documents of one file."""

    texts: list[str]
    """The documents, in order; empty ones too."""
    has_crlf: bool = False
    """Whether CR LF line ends were read as LF."""
    lacks_separator: bool = False
    """Whether a separator was given but never occurs."""


def read_texts(file: Path, column: str, encoding: str, separator: str | None) -> FileTexts:
    """The documents of one file. UserError, naming the file, where it can't be read.

    column: where the text is in .jsonl, .parquet and .csv. encoding: Python's name; not for .parquet. separator: the
    text between documents in .txt and .md; None: the file is one document.
    """
    suffix = file.suffix.lower()
    if suffix == ".jsonl":
        return FileTexts(list(_jsonl_rows(file, column, encoding)))
    if suffix == ".csv":
        return FileTexts(list(_csv_rows(file, column, encoding)))
    if suffix == ".parquet":
        return FileTexts(list(_parquet_rows(file, column)))
    written = _decoded(file, encoding)
    text = _with_lf(written)
    texts = [text] if separator is None else text.split(_with_lf(separator))
    return FileTexts(texts, has_crlf=text != written, lacks_separator=separator is not None and len(texts) == 1)


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _files_below(folder: Path) -> Iterator[Path]:
    """All files of a folder and its subfolders. UserError where one of them can't be listed."""

    def refuse(error: OSError) -> None:
        raise UserError(
            f"data=text can't list the folder {error.filename}: {error.strerror}. Correct its permissions, or name the "
            "files that can be read."
        )

    for parent, _, names in os.walk(folder, onerror=refuse):
        yield from filter(Path.is_file, (Path(parent) / name for name in names))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _nothing_found(name: str, path: Path, visible: Sequence[Path]) -> str:
    problem = f"data=text found nothing to read at {name!r}"
    allowed = f"It reads {', '.join(SUFFIXES)}."
    if visible:
        kinds = sorted({entry.suffix or "no ending" for entry in visible})
        return f"{problem}: it has {many(len(visible), 'file')}, all of other kinds ({', '.join(kinds[:5])}). {allowed}"
    if path.is_dir():
        return (
            f"{problem}: the folder has no files. {allowed} Name another folder, a file, or a glob as 'books/**/*.txt'."
        )
    if (why := why_no_file(path)) is not None:
        return f"data=text can't read {name}: {why}. Name a file, or a folder with files. {allowed}"
    try:
        near = closest(path.name, (entry.name for entry in path.parent.iterdir()))
    except FileNotFoundError:
        near = ""
    except OSError as error:
        return f"{problem}: the folder {path.parent} can't be listed ({error.strerror}). {allowed}"
    return (
        f"{problem}: there is no such file or folder, and no file matches it as a glob (in {Path.cwd()}).{near} "
        f"{allowed} Name a file, a folder, or a glob as 'books/**/*.txt'."
    )


def _read_bytes(file: Path) -> bytes:
    try:
        return read_bytes(file)
    except OSError as error:
        raise UserError(
            f"data=text can't open {file}: {error.strerror or error}. Check the file's permissions, or leave it out."
        ) from error


def _decoded(file: Path, encoding: str) -> str:
    data = _read_bytes(file)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        likely = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "cp1252"
        raise UserError(
            f"{file} is not {encoding}: byte {error.start} of {len(data)} (0x{data[error.start]:02x}) can't be read. "
            f"If the file has another encoding, name it, as data.encoding={likely}; else correct the file or leave it "
            "out."
        ) from error
    return text.removeprefix("\ufeff")


def _jsonl_rows(file: Path, column: str, encoding: str) -> Iterator[str]:
    for number, line in enumerate(_decoded(file, encoding).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_Row)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{file}, line {number}: not valid JSON ({error}). Each line must be one JSON object."
            ) from None
        if not isinstance(row, _Row):
            raise UserError(
                f"{file}, line {number}: it is {type(row).__name__}, not a JSON object. Each line must be one JSON "
                "object."
            )
        _check_columns(f"{file}, line {number}", column, row.names)
        yield _text_of(row[column], f"{file}, line {number}", column)


class _Row(dict[str, object]):
    """A JSON object that also keeps the names that occur twice."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def _csv_rows(file: Path, column: str, encoding: str) -> Iterator[str]:
    limit = csv.field_size_limit(2**31 - 1)
    try:
        reader = csv.DictReader(io.StringIO(_decoded(file, encoding), newline=""), strict=True)
        columns = reader.fieldnames or []
        if columns:
            _check_columns(str(file), column, columns)
        for row in reader:
            yield _text_of(row[column], f"{file}, line {reader.line_num}", column)
    except csv.Error as error:
        raise UserError(
            f"{file} is not a readable CSV file ({error}). It must have commas between fields and double quotes "
            "around fields that contain commas, quotes or line breaks."
        ) from error
    finally:
        csv.field_size_limit(limit)


def _parquet_rows(file: Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = io.BytesIO(_read_bytes(file))
    try:
        columns = pq.read_schema(data).names
        _check_columns(str(file), column, columns)
        data.seek(0)
        values = pq.read_table(data, columns=[column]).column(column).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:  # a damaged file can raise each of them
        raise UserError(
            f"{file} is not a readable Parquet file ({one_line(error)}). Write the file again, or leave it out."
        ) from error
    for number, value in enumerate(values):
        yield _text_of(value, f"{file}, row {number}", column)


def _text_of(value: object, where: str, column: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UserError(
            f"{where}: column {column!r} contains {type(value).__name__}, not text ({str(value)[:40]!r}). Name a "
            "column of text with data.column=NAME."
        )
    return value


def _check_columns(where: str, column: str, columns: Sequence[str]) -> None:
    """UserError unless the column occurs exactly once."""
    named = ", ".join(repr(name) for name in columns[:20]) + (", ..." if len(columns) > 20 else "")
    if column not in columns:
        raise UserError(
            f"{where} has no column {column!r}; it has {named}.{closest(column, columns)} Name another "
            "column with data.column=NAME, or correct it there."
        )
    if columns.count(column) > 1:
        raise UserError(
            f"{where} has {columns.count(column)} columns {column!r} (it has {named}), so it is not clear which one is "
            "meant. Rename all but one, or name another column with data.column=NAME."
        )
