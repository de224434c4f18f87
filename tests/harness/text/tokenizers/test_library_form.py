"""Tokenizers written for transformers: AutoTokenizer gives the same ids, and the same text back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.hf import HFTokenizerSettings
from harness.text.tokenizers.library_form import library_form
from harness.text.tokenizers.tokenizer import TokenizerSettings
from tests.peers import write_fallback_tokenizer, write_tokenizer

TRAINED_ON = "To be, or not to be: that's the question.\n12 + 34 = 46; naïve café, “quoted”, 東京 and 東西.\n"
TEXTS = [
    "",
    "To be",
    TRAINED_ON,
    "  two  spaces \n\n\tand lines\r\n",
    "unseen: ~ÿ€𝄞日本語 \x00\x1f\u200d",
    "1234567, 1.5e10",
    "I'll we're they'd it's",
    "東~é",
]


def settings(name: str, folder: Path) -> TokenizerSettings:
    return {
        "char": CharTokenizerSettings,
        "byte": ByteTokenizerSettings,
        "bpe": lambda: BpeTokenizerSettings(vocab_size=300),
        "bpe-numbers": lambda: BpeTokenizerSettings(vocab_size=300, split_digits=False),
        "hf": lambda: HFTokenizerSettings(str(write_tokenizer(folder / "bytes", [TRAINED_ON]))),
        "hf-fallback": lambda: HFTokenizerSettings(str(write_fallback_tokenizer(folder / "fallback", [TRAINED_ON]))),
    }[name]()


@pytest.mark.parametrize("name", ["char", "byte", "bpe", "bpe-numbers", "hf", "hf-fallback"])
def test_the_library_reads_a_tokenizer_with_our_ids_and_texts(name: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    ours = settings(name, tmp_path).train([Document("a", TRAINED_ON, "plays", "a")])
    described, start = library_form(ours)
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": start, "eos_token": start}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(about))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.bos_token_id == theirs.eos_token_id == ours.start_token
    assert len(theirs) == ours.vocab_size
    for text in TEXTS:
        assert theirs(text)["input_ids"] == [ours.start_token, *ours.encode(text).tolist()], text
        assert theirs.decode(ours.encode(text), clean_up_tokenization_spaces=False) == text


def test_a_tokenizer_that_knows_where_turns_begin_is_refused() -> None:
    tokenizer = ByteTokenizerSettings(speaker_tokens=True).train([])
    with pytest.raises(UserError, match=r"speaker_tokens=true can't be written for transformers"):
        library_form(tokenizer)


def test_a_closed_alphabet_is_refused() -> None:
    with pytest.raises(UserError, match=r"tokenizer.fallback=false can't be written for transformers"):
        library_form(CharTokenizerSettings(fallback=False).train([Document("a", "abc", "plays", "a")]))
