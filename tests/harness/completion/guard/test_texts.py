"""Which texts a guard learns from."""

from __future__ import annotations

from harness.completion.guard.texts import Texts, texts_of
from harness.text.data.corpus import Corpus, Document

TALK = "Human: Hello there\n\nAssistant: Hi\n\nHuman: Bye now\n"
DOCUMENTS = (
    Document("a", TALK, "chat", "talk", "human_assistant"),
    Document("b", "One paragraph\nof two lines.\n\n \n\nAnother.\n\nHi", "prose", "book"),
)
CORPUS = Corpus("both", DOCUMENTS, DOCUMENTS[:1], ())


def test_they_are_turns_and_paragraphs_each_once() -> None:
    drawn = texts_of(CORPUS, "train", 100)
    clusters = dict(zip(drawn.texts, drawn.clusters, strict=True))
    assert clusters == {
        "Hello there": "both/talk",
        "Hi": "both/talk",
        "Bye now": "both/talk",
        "One paragraph\nof two lines.": "both/book",
        "Another.": "both/book",
    }
    assert len(texts_of(CORPUS, "test", 100)) == 0


def test_fewer_are_the_same_each_time_and_some_of_all() -> None:
    few = texts_of(CORPUS, "train", 2)
    assert few == texts_of(CORPUS, "train", 2)
    assert few.texts == texts_of(CORPUS, "train", 100).texts[:2]


def test_those_that_others_have_go() -> None:
    both = Texts(("a", "b"), ("x", "y")) + Texts(("c",), ("z",))
    assert both.without({"b", "q"}) == Texts(("a", "c"), ("x", "z"))
