"""Documents of solved problems: each split has its own problems, in the requested wording."""

from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.text.data import arithmetic as arithmetic_data
from harness.text.data.arithmetic import Arithmetic
from harness.text.data.arithmetic_problems import OPERATIONS, problems
from harness.text.data.arithmetic_wording import STYLES, Style, count_problems_in_text, problems_in_text
from harness.text.data.corpus import SPLITS
from harness.text.transcript_format import HUMAN_ASSISTANT
from tests.harness.text.formats import CHATML


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("digits", [(1, 1), (1, 2), (4, 5)])
def test_training_text_holds_no_held_out_problem(style: Style, digits: tuple[int, int]) -> None:
    corpus = Arithmetic(
        operations=list(OPERATIONS),
        min_digits=digits[0],
        max_digits=digits[1],
        style=style,
        train_documents=40,
        validation_documents=5,
        test_documents=5,
    ).load()
    held = {
        split: set(problems_in_text("\n\n".join(document.text for document in corpus.documents(split))))
        for split in SPLITS
    }
    assert all(held.values())
    assert not held["train"] & (held["validation"] | held["test"])
    assert not held["validation"] & held["test"]
    assert (
        count_problems_in_text(
            (document.text for document in corpus.train), problems("test", 5000, 0, OPERATIONS, *digits)
        )
        == 0
    )


def test_chat_style_documents_are_transcripts() -> None:
    corpus = Arithmetic(style="chat", train_documents=20).load()
    for split, document in corpus:
        assert document.format == "human_assistant"
        turns = HUMAN_ASSISTANT.parse(document.text).turns
        assert len(turns) == 20
        assert document.id.startswith(split)
    assert {document.format for _, document in Arithmetic(style="plain", train_documents=5).load()} == {None}


def test_chat_style_documents_are_written_in_the_format_that_is_asked_for() -> None:
    corpus = Arithmetic(style="chat", train_documents=5, format=CHATML).load()
    assert corpus.chat_format == CHATML
    for _, document in corpus:
        assert corpus.format_of(document) == CHATML
        assert len(CHATML.parse(document.text).turns) == 20
        assert len(list(problems_in_text(document.text))) == 10


def test_a_document_repeats_no_problem_while_there_are_others() -> None:
    for document in Arithmetic(train_documents=200).load().train:
        found_problems = list(problems_in_text(document.text))
        assert len(found_problems) == len(set(found_problems)) == 10


def test_a_document_may_be_longer_than_there_are_problems() -> None:
    corpus = Arithmetic(
        operations=["x"],
        max_digits=1,
        style="plain",
        train_documents=3,
        validation_documents=3,
        test_documents=3,
        problems_per_document=60,
    ).load()
    assert len(corpus.validation[0].text.split("\n")) == 60


def test_the_seed_draws_other_documents_from_the_same_splits() -> None:
    first, again, other = (Arithmetic(train_documents=30, seed=seed).load() for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    train = set(problems_in_text("\n\n".join(document.text for document in other.train)))
    test = set(problems_in_text("\n\n".join(document.text for document in first.test)))
    assert not train & test


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"operations": []}, "operations"),
        ({"operations": ["+", "+"]}, "at most once"),
        ({"operations": ["/"]}, "'/'; allowed are"),
        ({"min_digits": 0}, "1 <= min_digits"),
        ({"min_digits": 3, "max_digits": 2}, "1 <= min_digits"),
        ({"max_digits": 6}, "<= 5"),
        ({"style": "poem"}, "plain, qa, chat"),
        ({"train_documents": 0}, "train_documents=0"),
        ({"problems_per_document": 0}, "problems_per_document=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Arithmetic(**wrong)  # type: ignore[arg-type]


def test_a_split_without_problems_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic_data, "draw", lambda *_: iter(()))
    with pytest.raises(UserError, match="no train problems"):
        Arithmetic().load()
