"""Characters that a tokenizer never saw in training."""

from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.coverage import check_alphabet, notes_on_unseen


def corpus(**texts: str) -> Corpus:
    return Corpus("toy", **{split: (Document(split, text, "toy", split),) for split, text in texts.items()})  # type: ignore[arg-type]


def test_unseen_characters_are_counted_and_named_by_split() -> None:
    toy = corpus(train="abc abc", validation="cab", test="éa𝄞é")
    [note] = notes_on_unseen(CharTokenizerSettings().train(toy.train), toy)
    assert note == "characters without a token, which are written as bytes: 3 of 4 in the test split ('é', '𝄞')"


def test_characters_seen_too_seldom_count_in_the_training_text_too() -> None:
    toy = corpus(train="aab", validation="a", test="a")
    [note] = notes_on_unseen(CharTokenizerSettings(min_count=2).train(toy.train), toy)
    assert note == "characters without a token, which are written as bytes: 1 of 3 in the train split ('b')"


def test_all_splits_share_a_note_and_the_rest_is_counted() -> None:
    toy = corpus(train="a", validation="é", test="xyzuvwé")
    [note] = notes_on_unseen(CharTokenizerSettings().train(toy.train), toy)
    assert note.endswith(
        "1 of 1 in the validation split ('é'); 7 of 7 in the test split ('x', 'y', 'z', 'u', 'v' and 2 others)"
    )


def test_less_than_a_thousandth_of_a_split_is_no_note() -> None:
    toy = corpus(train="a", validation="é" + 999 * "a", test="é" + 1000 * "a")
    [note] = notes_on_unseen(CharTokenizerSettings().train(toy.train), toy)
    assert note.endswith(": 1 of 1,000 in the validation split ('é')")


def test_bytes_are_all_there_from_the_start() -> None:
    toy = corpus(train="a", validation="é", test="x")
    assert notes_on_unseen(ByteTokenizerSettings().train(toy.train), toy) == []


def test_a_closed_alphabet_refuses_a_corpus_by_document_and_character() -> None:
    toy = corpus(train="abc", validation="cab", test="abé")
    check_alphabet(CharTokenizerSettings().train(toy.train), toy)
    closed = CharTokenizerSettings(fallback=False).train(toy.train)
    check_alphabet(closed, corpus(train="abc", validation="cab", test="c"))
    with pytest.raises(UserError, match=r"data=toy, document test of the test split: the character 'é' "):
        check_alphabet(closed, toy)
