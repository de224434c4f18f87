"""The bpe tokenizer of programs: the same ids and texts as tokenizer=bpe."""

from __future__ import annotations

import pytest

from harness.cli.programs.tokenizers.bpe import Tokenizer
from tests.harness.cli.programs.tokenizers.texts import TEXTS, check_tokenizer


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_same_tokens_and_comes_back(text: str) -> None:
    check_tokenizer("bpe", Tokenizer, text)


@pytest.mark.parametrize("text", TEXTS)
def test_digits_may_be_parts_of_words(text: str) -> None:
    check_tokenizer("bpe", Tokenizer, text, split_digits=False)
