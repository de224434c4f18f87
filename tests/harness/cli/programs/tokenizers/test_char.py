"""The char tokenizer of programs: the same ids and texts as tokenizer=char."""

from __future__ import annotations

import pytest

from harness.cli.exporting import _tokenizer_part
from harness.cli.programs.tokenizers.char import Tokenizer
from tests.harness.cli.programs.tokenizers.texts import TEXTS, TRAINED_ON, check_tokenizer, ours


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_same_tokens_and_comes_back(text: str) -> None:
    check_tokenizer("char", Tokenizer, text)


def test_a_closed_alphabet_has_the_same_tokens_and_refuses_other_characters() -> None:
    check_tokenizer("char", Tokenizer, TRAINED_ON, fallback=False)
    _, described = _tokenizer_part(ours("char", fallback=False))
    with pytest.raises(ValueError, match="the character '~' has no token"):
        Tokenizer(described).encode("To ~")
