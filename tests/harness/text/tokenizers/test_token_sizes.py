"""The sizes of a text's tokens add up to the text, for every tokenizer and any text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.text.tokenizers.token_sizes import token_sizes
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.text.utf8 import encode_utf8
from tests.harness.text.strategies import any_text, tricky_text
from tests.harness.text.tokenizers.examples import TOKENIZERS, every_tokenizer


@every_tokenizer
@given(text=st.one_of(any_text, tricky_text))
def test_every_byte_of_a_text_is_counted_once(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.encode(text)
    sizes = token_sizes(tokenizer, text, tokens)
    assert len(sizes) == len(tokens)
    assert (sizes >= 0).all()
    assert sizes.sum() == len(encode_utf8(text))


@every_tokenizer
def test_a_token_of_whole_characters_has_their_bytes(tokenizer: Tokenizer) -> None:
    text = "Human: what is a number?"
    tokens = tokenizer.encode(text)
    assert token_sizes(tokenizer, text, tokens).tolist() == [len(tokenizer.decode([token])) for token in tokens]


def test_a_character_in_several_tokens_counts_with_the_last_of_them() -> None:
    tokenizer = TOKENIZERS["byte"]
    for text, sizes in (("aé漢b", [1, 0, 2, 0, 0, 3, 1]), ("\ud83d", [0, 0, 3])):
        assert token_sizes(tokenizer, text, tokenizer.encode(text)).tolist() == sizes
