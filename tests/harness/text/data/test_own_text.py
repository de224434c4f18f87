from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import UserError
from harness.text.data.corpus import SPLITS
from harness.text.data.own_text import Text
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from tests.harness.text.data.own_files import ROWS, texts, write_rows

# --- finding


def test_the_same_files_elsewhere_are_the_same_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for i, row in enumerate(ROWS):
            (tmp_path / folder / f"{i}.txt").write_text(row)
    monkeypatch.chdir(tmp_path)
    assert Text("a").load().fingerprint == Text(f"{tmp_path}/b/*.txt").load().fingerprint


def test_empty_files_are_skipped_with_a_note(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text(" \n")
    (tmp_path / "rowless.csv").write_text("")
    (tmp_path / "header.csv").write_text("text\n")
    corpus = Text(str(tmp_path)).load()
    assert texts(corpus) == sorted(ROWS)
    assert corpus.notes[0].startswith("4 empty files skipped")


def test_nothing_but_empty_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(UserError, match=r"nothing but empty text in 1 file .*empty\.txt"):
        Text(str(tmp_path)).load()


# --- splitting


def test_the_split_follows_the_text_not_the_name(tmp_path: Path) -> None:
    first = Text(str(write_rows(tmp_path / "a.jsonl", ROWS))).load()
    second = Text(str(write_rows(tmp_path / "b.jsonl", [*reversed(ROWS), *ROWS[:20]]))).load()
    for split in SPLITS:
        assert {document.text for document in first.documents(split)} == {
            document.text for document in second.documents(split)
        }


def test_one_document_is_cut_in_stretches_at_line_ends(tmp_path: Path) -> None:
    text = "".join(f"line {i} of the only text\n" for i in range(1000))
    (tmp_path / "a.txt").write_text(text)
    corpus = Text(str(tmp_path / "a.txt")).load()
    stretches = [corpus.documents(split)[0] for split in SPLITS]
    assert "".join(stretch.text for stretch in stretches) == text
    assert all(stretch.text.endswith("\n") for stretch in stretches)
    assert [round(len(stretch.text) / len(text), 2) for stretch in stretches] == [0.9, 0.05, 0.05]
    assert [stretch.id for stretch in stretches] == ["a.txt:train", "a.txt:validation", "a.txt:test"]
    assert any("too few to split whole" in note for note in corpus.notes)


def test_one_huge_line_is_cut_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 2_000_000)
    corpus = Text(str(tmp_path / "a.txt")).load()
    assert [corpus.num_bytes(split) for split in SPLITS] == [1_800_000, 100_000, 100_000]


def test_a_text_too_short_to_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab")
    with pytest.raises(UserError, match="every document has fewer than the 3 characters"):
        Text(str(tmp_path)).load()


# --- transcripts and settings


def test_own_transcripts_carry_their_format(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", [f"Human: hi {i}\n\nAssistant: ho" for i in range(120)])
    assert {document.format for _, document in Text(str(tmp_path), transcripts=True).load()} == {"human_assistant"}


def test_own_transcripts_may_be_written_in_a_format_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(f"Q: hi {i}\nA: ho" for i in range(50)))
    custom_format = TranscriptFormat("lines", {"Human": "Q", "Assistant": "A"}, between="\n")
    corpus = Text(str(tmp_path), transcripts=True, format=custom_format).load()
    assert corpus.chat_format == custom_format
    [document] = corpus.validation
    assert corpus.format_of(document) == custom_format
    assert [turn.speaker for turn in custom_format.parse(document.text).turns][:2] == ["Human", "Assistant"]
    plain = Text(str(tmp_path)).load()
    assert plain.format_of(plain.validation[0]) is None
    assert plain.chat_format == HUMAN_ASSISTANT


def test_a_long_transcript_of_ones_own_is_cut_at_turns(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join(f"Human: hi {i}\n\nAssistant: ho\nho" for i in range(50)))
    corpus = Text(str(tmp_path), transcripts=True).load()
    assert [len(HUMAN_ASSISTANT.parse(corpus.documents(split)[0].text).turns) for split in SPLITS] == [90, 5, 5]


def test_what_is_no_transcript_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Once upon a time")
    with pytest.raises(
        UserError,
        match=r"a\.txt: a transcript in format 'human_assistant' begins with a label.*data\.transcripts=false",
    ):
        Text(str(tmp_path), transcripts=True).load()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"paths": []}, r"paths is empty\. data=text needs files: set data\.paths"),
        ({"encoding": "utf-88"}, "encoding='utf-88' is not known"),
        ({"encoding": "rot13"}, "encoding='rot13' is not known"),
        ({"separator": ""}, "separator is empty"),
        ({"test_fraction": 1.0}, "test_fraction=1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Text(**{"paths": "a.txt", **wrong})


def test_copies_share_a_cluster_and_a_split(tmp_path: Path) -> None:
    for number in range(30):
        for copy, text in enumerate((f"Number {number}", f"number  {number}\n", f" NUMBER {number}")):
            (tmp_path / f"{number:02}-{copy}.txt").write_text(text)
    corpus = Text(str(tmp_path), validation_fraction=0.2, test_fraction=0.2).load()
    clusters = [{document.cluster for document in corpus.documents(split)} for split in SPLITS]
    assert sum(len(names) for names in clusters) == len(set.union(*clusters)) == 30
    assert [document.cluster for _, document in corpus if document.id.startswith("07")] == ["07-0.txt"] * 3
    [note] = [note for note in corpus.notes if "copies" in note]
    assert note.startswith("60 of 90 documents repeat others")
    assert note.endswith("copies count as one in intervals and share a split")


def test_a_text_that_is_cut_is_in_all_splits_and_the_note_on_copies_says_nothing_else(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("to be or not to be\n" * 50)
    notes = Text(str(tmp_path)).load().notes
    assert notes[0].startswith("2 documents: too few to split whole.")
    assert notes[1].endswith("copies count as one in intervals")


def test_near_copies_of_training_documents_are_noted(tmp_path: Path) -> None:
    for number in range(20):
        words = " ".join(f"w{number}-{place}" for place in range(100))
        (tmp_path / f"{number:02}-0.txt").write_text(words)
        (tmp_path / f"{number:02}-1.txt").write_text(words + " end")
    corpus = Text(str(tmp_path), validation_fraction=0.1, test_fraction=0.2).load()
    train = {document.id[:2] for document in corpus.train}
    held_out = [document.id[:2] for split in SPLITS[1:] for document in corpus.documents(split)]
    [note] = [note for note in corpus.notes if "near-copies" in note]
    assert note.startswith(f"{sum(name in train for name in held_out)} of {len(held_out)} documents")


def test_a_name_that_is_not_utf_8_is_shown_with_its_bytes(tmp_path: Path) -> None:
    for number in range(40):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9%d.txt" % number)).write_text(f"Number {number}")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("")
    corpus = Text(str(tmp_path)).load()
    assert {document.id for _, document in corpus} == {f"caf\\xe9{number}.txt" for number in range(40)}
    assert corpus.notes[0].startswith("1 empty file skipped")
    assert corpus.notes[0].endswith("\\xff.txt)")
