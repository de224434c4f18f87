"""Tokens are the 256 bytes of UTF-8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Tokenizer:
    """Text to bytes and back."""

    def __init__(self, described: dict[str, Any]) -> None:
        pass

    def encode(self, text: str) -> list[int]:
        return list(text.encode("utf-8", errors="surrogatepass"))

    def decode(self, tokens: Sequence[int]) -> str:
        return bytes(tokens).decode("utf-8", errors="replace")
