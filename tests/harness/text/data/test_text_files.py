"""The user's own files are read unchanged; unreadable ones get a clear message."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.common.errors import UserError
from harness.text.data.corpus import SPLITS
from harness.text.data.own_text import Text
from tests.harness.text.data.own_files import ROWS, texts, write_rows


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_row_is_a_document_word_for_word(tmp_path: Path, suffix: str) -> None:
    corpus = Text(str(write_rows(tmp_path / f"rows{suffix}", ROWS))).load()
    assert texts(corpus) == sorted(ROWS)
    assert all(corpus.documents(split) for split in SPLITS)
    assert corpus.notes == (
        "Windows line ends (CR LF) are kept in 120 of 120 documents (rows of .jsonl, .csv and .parquet)",
    )


@pytest.mark.parametrize("suffix", [".txt", ".md"])
def test_a_file_is_a_document_word_for_word_but_for_line_ends_of_windows(tmp_path: Path, suffix: str) -> None:
    for i, row in enumerate(ROWS):
        (tmp_path / f"{i}{suffix}").write_bytes(row.encode())
    corpus = Text(str(tmp_path)).load()
    assert texts(corpus) == sorted(row.replace("\r\n", "\n") for row in ROWS)
    assert corpus.notes[0].startswith("Windows line ends (CR LF) are read as LF in 120 of 120 files")
    assert {document.id for _, document in corpus} == {f"{i}{suffix}" for i in range(len(ROWS))}


def test_another_column_can_be_named(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.csv", ROWS, column="body")
    assert texts(Text(str(file), column="body").load()) == sorted(ROWS)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_missing_column_is_refused_and_the_columns_are_named(tmp_path: Path, suffix: str) -> None:
    file = write_rows(tmp_path / f"rows{suffix}", ROWS, column="test")
    with pytest.raises(
        UserError, match=rf"rows\{suffix}.* no column 'text'; it has 'id', 'test'\. Did you mean 'test'"
    ):
        Text(str(file)).load()


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_column_without_text_is_refused(tmp_path: Path, suffix: str) -> None:
    file = write_rows(tmp_path / f"rows{suffix}", ROWS)
    with pytest.raises(UserError, match="column 'id' contains int, not text"):
        Text(str(file), column="id").load()


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_missing_rows_are_skipped(tmp_path: Path, suffix: str) -> None:
    corpus = Text(str(write_rows(tmp_path / f"rows{suffix}", [None, "", *ROWS]))).load()
    assert texts(corpus) == sorted(ROWS)


def test_a_separator_cuts_a_file_into_documents(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_bytes("\n<|end|>\n".join(ROWS).encode() + b"\n<|end|>\n")
    corpus = Text(str(tmp_path / "all.txt"), separator="\n<|end|>\n").load()
    assert texts(corpus) == sorted(row.replace("\r\n", "\n") for row in ROWS)
    assert {document.id for _, document in corpus} == {f"all.txt#{i}" for i in range(len(ROWS))}


@pytest.mark.parametrize("separator", ["\n\n", "\r\n\r\n"])
def test_a_separator_of_line_ends_cuts_a_file_from_windows(tmp_path: Path, separator: str) -> None:
    (tmp_path / "all.txt").write_bytes(b"".join(b"a poem\r\nof number %d\r\n\r\n" % i for i in range(120)))
    corpus = Text(str(tmp_path / "all.txt"), separator=separator).load()
    assert texts(corpus) == sorted(f"a poem\nof number {i}" for i in range(120))


def test_a_separator_that_never_occurs_is_noted_with_the_number_of_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo\n" * 100)
    (tmp_path / "b.txt").write_text("one\n---\ntwo\n" * 100)
    corpus = Text(str(tmp_path), separator="---").load()
    assert (
        f"data.separator='---' never occurs in 1 of 2 files ({tmp_path / 'a.txt'}): each of these is one document, "
        "102 documents in all" in corpus.notes
    )


def test_a_byte_order_mark_is_taken_off(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + "é\n".encode() * 100)
    write_rows(tmp_path / "b.csv", ROWS).write_bytes(b"\xef\xbb\xbf" + (tmp_path / "b.csv").read_bytes())
    corpus = Text(str(tmp_path)).load()
    assert not any("\ufeff" in document.text for _, document in corpus)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_other_encodings_are_read_when_named(tmp_path: Path, encoding: str) -> None:
    text = "Où est l'été?\n" * 60
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    corpus = Text(str(tmp_path / "a.txt"), encoding=encoding).load()
    assert "".join(document.text for _, document in corpus) == text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"caf\xe9 au lait", r"a\.txt is not utf-8: byte 3 of 12 \(0xe9\).*data\.encoding=cp1252"),
        ("été".encode("utf-16"), r"byte 0 of 8 \(0xff\).*data\.encoding=utf-16"),
    ],
)
def test_a_wrong_encoding_names_file_and_byte(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(UserError, match=message):
        Text(str(tmp_path)).load()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "line 2: not valid JSON"),
        ("a.jsonl", '{"text": "a"}\n["b"]\n', "line 2: it is list, not a JSON object"),
        ("a.parquet", "PAR1 no", "not a readable Parquet file"),
        ("a.csv", 'text\n"a"b\n', "not a readable CSV file"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}.*{message}"):
        Text(str(tmp_path)).load()


def test_a_line_break_of_unicode_is_no_line_end_in_jsonl(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a\u2028b\x85c"}\n', encoding="utf-8")
    assert "".join(document.text for _, document in Text(str(tmp_path)).load()) == "a\u2028b\x85c"


def test_a_huge_csv_field_is_read(tmp_path: Path) -> None:
    rows = ["x" * 300_000, *ROWS]
    assert texts(Text(str(write_rows(tmp_path / "a.csv", rows))).load()) == sorted(rows)


def test_a_file_that_can_not_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("a")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UserError, match=r"can't open .*a\.txt: Permission denied"):
        Text(str(tmp_path / "a.txt")).load()


def test_folders_globs_and_files_may_be_mixed_and_each_file_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one.txt", "deep/er/two.txt", "deep/three.md", ".hidden/no.txt", "deep/.no.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n" * 50)
    monkeypatch.chdir(tmp_path)
    corpus = Text(["one.txt", "deep", "**/*.txt", str(tmp_path)]).load()
    assert {document.id.rsplit(":", 1)[0] for _, document in corpus} == {"one.txt", "deep/er/two.txt", "deep/three.md"}


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("bracket\n" * 50)
    (tmp_path / "a1.txt").write_text("other\n" * 50)
    assert "other" not in "".join(texts(Text(str(tmp_path / "a[1].txt")).load()))


def test_files_of_other_kinds_in_a_folder_are_skipped_with_a_note(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv", ROWS)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    corpus = Text(str(tmp_path)).load()
    assert texts(corpus) == sorted(ROWS)
    assert "1 file of other kinds skipped" in corpus.notes[0]
    assert "picture.png" in corpus.notes[0]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ("", "one of the paths is empty"),
        ("missing.txt", r"no such file or folder.*Did you mean 'mising\.txt'"),
        ("~nosuchuser/a.txt", "there is no home folder ~nosuchuser"),
        ("*.md", "no file matches it as a glob"),
        ("empty-folder", "the folder has no files"),
        ("pictures", r"it has 1 file, all of other kinds \(\.png\)"),
        ("pictures/a.png", r"can't read pictures/a\.png: its suffix is \.png.*\.txt, \.md"),
    ],
)
def test_paths_that_lead_nowhere_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: str | list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mising.txt").write_text("a")
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=message):
        Text(paths).load()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_a_folder_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    write_rows(tmp_path / "rows.csv", ROWS)
    assert texts(Text(str(tmp_path)).load()) == sorted(ROWS)


def test_two_columns_of_one_name_are_refused_in_each_kind_of_file(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_text("text,text\na,b\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "text": "b"}\n')
    for name in ("rows.parquet", "rows.csv", "rows.jsonl"):
        with pytest.raises(UserError, match=r"has 2 columns 'text'.*Rename all but one"):
            Text(str(tmp_path / name)).load()


def test_a_damaged_parquet_file_is_refused_and_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    whole = write_rows(file, ROWS).read_bytes()
    in_latin_1 = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xe9")])
    pq.write_table(pa.table({"text": in_latin_1}), tmp_path / "latin.parquet")
    damaged = [
        b"PAR1" + bytes(100) + b"PAR1",
        whole[:-100] + bytes(80) + whole[-20:],
        whole[: len(whole) // 2] + whole[-500:],
        (tmp_path / "latin.parquet").read_bytes(),
    ]
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"rows\.parquet is not a readable Parquet file .* leave it out"):
            Text(str(file)).load()


def test_links_and_pipes_are_named_as_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "self.txt").symlink_to("self.txt")
    (tmp_path / "dangling.txt").symlink_to("nowhere.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    for name, why in {
        "self.txt": "a link that leads back to itself",
        "dangling.txt": "a link to nowhere.txt, which does not exist",
        "pipe.txt": "a named pipe",
    }.items():
        with pytest.raises(UserError, match=rf"can't read .*{name}: it is {why}") as refused:
            Text(str(tmp_path / name)).load()
        assert "Did you mean" not in str(refused.value)


def test_a_folder_that_cannot_be_listed_is_refused_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "secret").mkdir()
    list_folder = os.scandir

    def scandir(folder: str) -> object:
        if str(folder).endswith("secret"):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    for named in (tmp_path, tmp_path / "secret"):
        with pytest.raises(UserError, match=r"can't list the folder .*secret: Permission denied"):
            Text(str(named)).load()


def test_json_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": ' + "[" * 100_000)
    with pytest.raises(UserError, match=r"rows\.jsonl, line 1: not valid JSON"):
        Text(str(tmp_path / "rows.jsonl")).load()
