from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from harness.common.errors import UserError
from harness.text.data.corpus import SPLITS, Corpus, Document
from harness.text.transcript_format import TranscriptFormat


def document(name: str, text: str) -> Document:
    return Document(name, text, source="test", cluster=name)


CORPUS = Corpus("test", (document("1", "ab"), document("2", "é")), (document("3", "c"),), (document("4", "\ud800"),))


def test_bytes_are_those_of_utf8() -> None:
    assert [CORPUS.num_bytes(split) for split in SPLITS] == [4, 1, 3]


def test_a_held_out_copy_of_a_training_document_is_told() -> None:
    train = tuple(document(text, text * 1000) for text in ("one ", "two "))
    corpus = Corpus(
        "test", train, (document("3", "ONE\n" * 1000),), (document("4", "two two " * 500), document("5", "six" * 500))
    )
    assert [one.id for one in corpus.held_out_copies] == ["3", "4"]
    [remark] = corpus.remarks
    assert remark.startswith("2 of 3 documents for validation and test are copies of training documents")


def test_iterating_gives_every_document_with_its_split() -> None:
    assert [(split, one.id) for split, one in CORPUS] == [
        ("train", "1"),
        ("train", "2"),
        ("validation", "3"),
        ("test", "4"),
    ]


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(UserError, match=r"train, validation, test.*Did you mean 'validation'"):
        CORPUS.documents("valid")


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(CORPUS, train=CORPUS.train[::-1]),
        dataclasses.replace(CORPUS, train=CORPUS.train[:1], validation=(CORPUS.train[1], *CORPUS.validation)),
        dataclasses.replace(CORPUS, test=(document("4", "\ud801"),)),
        dataclasses.replace(CORPUS, test=(document("5", "\ud800"),)),
        dataclasses.replace(CORPUS, train=(document("1", "ab2"), document("", "é"))),
        dataclasses.replace(CORPUS, train=(document("1a", "b"), document("2", "é"))),
    ],
)
def test_any_change_of_content_order_or_split_changes_the_fingerprint(other: Corpus) -> None:
    assert other.fingerprint != CORPUS.fingerprint


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Document)])
def test_any_field_of_a_document_changes_the_fingerprint(field: str) -> None:
    first, second = CORPUS.train
    changed = dataclasses.replace(CORPUS, train=(dataclasses.replace(first, **{field: "other"}), second))
    assert changed.fingerprint != CORPUS.fingerprint


OTHER_VALUES = {"train": CORPUS.train[:1], "validation": (), "test": (), "formats": CORPUS.formats[:1]}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Corpus)])
def test_any_field_of_a_corpus_but_its_name_and_notes_changes_the_fingerprint(field: str) -> None:
    if field not in ("name", "notes"):
        assert dataclasses.replace(CORPUS, **{field: OTHER_VALUES[field]}).fingerprint != CORPUS.fingerprint


@pytest.mark.parametrize("part", [field.name for field in dataclasses.fields(TranscriptFormat)])
def test_any_part_of_a_format_changes_the_fingerprint(part: str) -> None:
    values = {
        "name": "other",
        "speakers": None,
        "before_name": "<",
        "after_name": ">",
        "before_text": "",
        "end": "</s>",
        "between": "\n",
        "labels_in_text": "refuse",
    }
    form, *others = CORPUS.formats
    changed = dataclasses.replace(CORPUS, formats=(dataclasses.replace(form, **{part: values[part]}), *others))
    assert changed.fingerprint != CORPUS.fingerprint


def test_notes_and_names_do_not_change_the_fingerprint() -> None:
    assert dataclasses.replace(CORPUS, name="other", notes=("a note",)).fingerprint == CORPUS.fingerprint


def test_fingerprints_of_data_sets_are_equal_in_every_process() -> None:
    script = (
        "from harness.text.data.conversations import Chatterbot; from harness.text.data.arithmetic import Arithmetic; "
        "import json; "
        "print(json.dumps([Chatterbot().load().fingerprint, Arithmetic(train_documents=50).load().fingerprint]))"
    )
    first, second = (
        json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    )
    assert first == second
