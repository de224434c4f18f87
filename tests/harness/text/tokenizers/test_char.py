"""Characters as tokens, and unseen characters as the digits of their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given

from harness.text.data.corpus import Document
from harness.text.tokenizers.char import CharTokenizer, CharTokenizerSettings
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
