"""Tokens are frequent stretches of bytes: byte-pair encoding (Sennrich et al. 2016), as in GPT-2 (Radford et al. 2019).

A text is cut into words, and each word into bytes. Then the pair of neighbours that was most frequent in training is
joined to one token, and so on until no pair is known.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

# Of a word's characters only their kinds matter: a letter, a number, a blank, other white space, or another character.
WORD = re.compile(" ?L+| ?N+| ?O+|[ S]+(?![^ S])|[ S]+")
ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")


def kind(char: str) -> str:
    if char == " ":
        return " "
    if char in "\t\n\v\f\r\x85" or unicodedata.category(char)[0] == "Z":
        return "S"
    category = unicodedata.category(char)[0]
    return category if category in "LN" else "O"


def words(text: str, split_digits: bool) -> Iterator[str]:
    """A text's words, each with the blank before it; with split_digits each digit by itself."""
    kinds = "".join(map(kind, text))
    stretches = re.finditer("N|[^N]+", kinds) if split_digits else re.finditer("(?s).+", kinds)
    for stretch in stretches:
        at, end = stretch.span()
        while at < end:
            found = ENDING.match(text, at, end) or WORD.match(kinds, at, end)
            assert found is not None
            yield text[at : found.end()]
            at = found.end()


class Tokenizer:
    """Text to byte pairs and back."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.split_digits = described["split_digits"]
        self.bytes_of = [bytes.fromhex(digits) for digits in described["tokens"]]
        self.byte_tokens = {data[0]: token for token, data in enumerate(self.bytes_of) if len(data) == 1}
        self.joined = {(left, right): (rank, token) for rank, (left, right, token) in enumerate(described["merges"])}

    def encode(self, text: str) -> list[int]:
        tokens = []
        for word in words(text, self.split_digits):
            parts = [self.byte_tokens[byte] for byte in word.encode("utf-8", errors="surrogatepass")]
            while known := [pair for pair in zip(parts, parts[1:]) if pair in self.joined]:  # noqa: B905, RUF007
                best = min(known, key=lambda pair: self.joined[pair])
                at = 0
                while at < len(parts) - 1:
                    if (parts[at], parts[at + 1]) == best:
                        parts[at : at + 2] = [self.joined[best][1]]
                    at += 1
            tokens += parts
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        return b"".join(self.bytes_of[token] for token in tokens).decode("utf-8", errors="replace")
