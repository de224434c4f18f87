"""Tokens are the characters of the training text; any other character is the hexadecimal digits of its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any


class Tokenizer:
    """Text to characters and back. Token 0 opens a document, 1 to 16 are the digits, the alphabet follows."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.alphabet = [chr(code_point) for code_point in described["code_points"]]
        self.token_of = {char: token for token, char in enumerate(self.alphabet, 17)}

    def encode(self, text: str) -> list[int]:
        tokens = []
        for char in text:
            if char in self.token_of:
                tokens.append(self.token_of[char])
            else:
                for byte in char.encode("utf-8", errors="surrogatepass"):
                    tokens += [1 + byte // 16, 1 + byte % 16]
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        text = ""
        for is_digits, run in groupby(tokens, lambda token: token < 17):
            if not is_digits:
                text += "".join(self.alphabet[token - 17] for token in run)
                continue
            digits = [token - 1 for token in run]
            pairs = zip(digits[::2], digits[1::2])  # noqa: B905  # a digit that is alone at the end is no byte
            text += bytes(16 * high + low for high, low in pairs).decode("utf-8", errors="replace")
            text += "\ufffd" * (len(digits) % 2)
        return text
