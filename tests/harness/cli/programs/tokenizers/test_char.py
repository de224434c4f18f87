"""The char tokenizer of programs: the same ids and texts as tokenizer=char."""

from __future__ import annotations

import pytest

from harness.cli.programs.tokenizers.char import Tokenizer
from tests.harness.cli.programs.tokenizers.texts import TEXTS, check_tokenizer


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_same_tokens_and_comes_back(text: str) -> None:
    check_tokenizer("char", Tokenizer, text)
