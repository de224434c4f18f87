"""Tokenizers of every kind, with and without speaker tokens, trained on a few conversations."""

from __future__ import annotations

import pytest

from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.hf import HFTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer, TokenizerSettings
from tests.peers import scratch, write_fallback_tokenizer, write_tokenizer

TRAINING = [
    Document(
        str(i), f"Human: what is {i}?\n\nAssistant: {i} is a number, a number it is.", "test", str(i), "human_assistant"
    )
    for i in range(60)
]
SETTINGS: dict[str, TokenizerSettings] = {
    f"{kind}{'-labels' if on else ''}": settings(speaker_tokens=on, **more)  # type: ignore[arg-type]
    for kind, settings, more in (
        ("char", CharTokenizerSettings, {}),
        ("byte", ByteTokenizerSettings, {}),
        ("bpe", BpeTokenizerSettings, {"vocab_size": 270}),
    )
    for on in (False, True)
}
_TEXTS = [document.text for document in TRAINING]
SETTINGS["hf"] = HFTokenizerSettings(str(write_tokenizer(scratch() / "byte-level", _TEXTS)))
SETTINGS["hf-fallback"] = HFTokenizerSettings(str(write_fallback_tokenizer(scratch() / "fallback", _TEXTS)))
TOKENIZERS: dict[str, Tokenizer] = {name: settings.train(TRAINING) for name, settings in SETTINGS.items()}
WITH_LABELS = [name for name in TOKENIZERS if name.endswith("-labels")]

every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
every_tokenizer_with_labels = pytest.mark.parametrize(
    "tokenizer", [TOKENIZERS[name] for name in WITH_LABELS], ids=WITH_LABELS
)
