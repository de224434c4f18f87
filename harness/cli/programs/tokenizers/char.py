"""Tokens are the characters of the training text. Any other character is the hexadecimal digits of its bytes, or, where
the alphabet is closed, refused."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any


class Tokenizer:
    """Text to characters and back. Token 0 opens a document; then the 16 digits, if there are any, and the alphabet."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.alphabet = [chr(code_point) for code_point in described["code_points"]]
        self.has_digits = described["fallback"]
        self.first = 17 if self.has_digits else 1
        self.token_of = {char: token for token, char in enumerate(self.alphabet, self.first)}

    def encode(self, text: str) -> list[int]:
        tokens = []
        for char in text:
            if char in self.token_of:
                tokens.append(self.token_of[char])
            elif not self.has_digits:
                raise ValueError(f"the character {char!r} has no token. Allowed: {''.join(self.alphabet)!r}")
            else:
                for byte in char.encode("utf-8", errors="surrogatepass"):
                    tokens += [1 + byte // 16, 1 + byte % 16]
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        text = ""
        for is_digits, run in groupby(tokens, lambda token: token < self.first):
            if not is_digits:
                text += "".join(self.alphabet[token - self.first] for token in run)
                continue
            digits = [token - 1 for token in run]
            pairs = zip(digits[::2], digits[1::2])  # noqa: B905  # a digit that is alone at the end is no byte
            text += bytes(16 * high + low for high, low in pairs).decode("utf-8", errors="replace")
            text += "\ufffd" * (len(digits) % 2)
        return text
