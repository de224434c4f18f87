"""Bytes as tokens, shown as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.text import Document, Tokenizer, TokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer


class Octets(ByteTokenizer):
    """Shows a token as its number."""

    def token_text(self, token: int) -> str:
        return f"<{token}>"


@dataclass(frozen=True)
class OctetsSettings(TokenizerSettings):
    """No options."""

    def train(self, documents: Sequence[Document]) -> Tokenizer:
        return Octets()

    @classmethod
    def read(cls, content: str) -> Tokenizer:
        return Octets()
