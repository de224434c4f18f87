"""Characters as tokens, and unseen characters as the digits of their bytes."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.text.data.corpus import Document
from harness.text.tokenizers.char import CharTokenizer, CharTokenizerSettings
from harness.text.tokenizers.tokenizer import OutsideAlphabet
from harness.text.utf8 import encode_utf8
from tests.harness.text.strategies import any_text


def test_an_unseen_character_is_the_digits_of_its_bytes() -> None:
    tokenizer = CharTokenizer([ord("a"), ord("b")])
    assert tokenizer.vocab_size == 1 + 16 + 2
    shown = [tokenizer.token_text(token) for token in tokenizer.encode("aéb")]
    assert shown == ["a", "<0xC>", "<0x3>", "<0xA>", "<0x9>", "b"]


@given(text=any_text)
def test_the_digits_are_those_of_the_utf8_bytes(text: str) -> None:
    tokenizer = CharTokenizer([])
    digits = "".join(tokenizer.token_text(token)[3] for token in tokenizer.encode(text))
    assert digits == encode_utf8(text).hex().upper()


def test_half_a_byte_decodes_to_the_replacement_character() -> None:
    tokenizer = CharTokenizer([ord("a")])
    ids = tokenizer.encode("é").tolist()
    assert tokenizer.decode(ids[:3]) == "\ufffd\ufffd"
    assert tokenizer.decode([*ids[:2], *tokenizer.encode("a").tolist(), *ids[2:]]) == "\ufffda\ufffd"


def test_rare_characters_go_through_bytes_when_asked() -> None:
    documents = [Document("1", "aaab", "test", "1")]
    assert CharTokenizerSettings(min_count=2).train(documents).vocab_size == 1 + 16 + 1
    with pytest.raises(ValueError, match="min_count=0 is not allowed: it must be 1 or more"):
        CharTokenizerSettings(min_count=0)


LETTERS = CharTokenizer([ord(letter) for letter in string.ascii_lowercase], fallback=False)


@given(text=st.text(string.ascii_lowercase))
def test_a_closed_alphabet_has_the_start_token_and_its_characters_and_loses_nothing(text: str) -> None:
    assert LETTERS.vocab_size == 27
    assert LETTERS.encode(text).tolist() == [1 + string.ascii_lowercase.index(letter) for letter in text]
    assert LETTERS.decode(LETTERS.encode(text)) == text


def test_a_closed_alphabet_refuses_a_text_and_names_the_character() -> None:
    words = r"'é' \(U\+00E9\), in 'renée ann', has no token.*only the 26 characters.*'abc.*tokenizer.fallback=true"
    with pytest.raises(OutsideAlphabet, match=words):
        LETTERS.encode("renée ann")
    with pytest.raises(OutsideAlphabet, match=r"'\\udc80' \(U\+DC80\)"):
        LETTERS.encode("a\udc80")


def test_a_closed_alphabet_is_that_of_the_training_text_and_is_read_back() -> None:
    made = CharTokenizerSettings(fallback=False).train([Document("1", "emma", "test", "1")])
    again = CharTokenizerSettings.read(made.to_json())
    for tokenizer in (made, again):
        assert tokenizer.is_closed
        assert [tokenizer.token_text(token) for token in range(tokenizer.vocab_size)] == ["<start>", "a", "e", "m"]
    assert made.fingerprint != CharTokenizerSettings().train([Document("1", "emma", "test", "1")]).fingerprint


def test_a_closed_alphabet_leaves_no_character_of_the_training_text_out() -> None:
    with pytest.raises(ValueError, match="min_count=2 is not allowed with fallback=false"):
        CharTokenizerSettings(min_count=2, fallback=False)
