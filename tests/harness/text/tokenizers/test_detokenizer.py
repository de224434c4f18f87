"""Decoding tokens one at a time gives the text of all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.text.data.conversations import Chatterbot
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.detokenizer import Detokenizer
from harness.text.tokenizers.tokenizer import Tokenizer

DOCUMENTS = Chatterbot().load().train[:50]
TOKENIZERS = [
    CharTokenizerSettings().train(DOCUMENTS),
    ByteTokenizerSettings().train(DOCUMENTS),
    BpeTokenizerSettings(vocab_size=300).train(DOCUMENTS),
]


def check(tokenizer: Tokenizer, tokens: list[int]) -> None:
    growing = Detokenizer(tokenizer)
    settled = ""
    for count, token in enumerate(tokens, 1):
        growing.add(token)
        assert growing.text == tokenizer.decode(tokens[:count])
        assert growing.settled.startswith(settled)
        settled = growing.settled
    assert tokenizer.decode(tokens).startswith(settled)


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: type(tokenizer).__name__)
@given(st.data())
def test_any_tokens_in_any_order(tokenizer: Tokenizer, data: st.DataObject) -> None:
    check(tokenizer, data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=80)))


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: type(tokenizer).__name__)
@given(st.text(max_size=30))
def test_the_tokens_of_any_text(tokenizer: Tokenizer, text: str) -> None:
    check(tokenizer, tokenizer.encode(text).tolist())


def test_bytes_that_never_make_a_character_are_settled_in_time() -> None:
    growing = Detokenizer(TOKENIZERS[1])
    for _ in range(2000):
        growing.add(0x80)
    assert len(growing.pending) < 100
    assert growing.text == "\N{REPLACEMENT CHARACTER}" * 2000
