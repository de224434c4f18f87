"""The base of tokenizers that use the `tokenizers` library: each token is some bytes, and each byte has a token.

Text that the library refuses, such as lone surrogates, is encoded byte by byte. Decoding is done here, by joining the
bytes of the tokens, so nothing is added or lost between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.text.tokenizers.tokenizer import Ids, Tokenizer
from harness.text.utf8 import decode_utf8, encode_utf8

if TYPE_CHECKING:
    import tokenizers

NUM_BYTES = 256
SURROGATES = re.compile("([\ud800-\udfff]+)")
"""Lone surrogates: the library refuses them because they aren't UTF-8."""


class BytesTokenizer(Tokenizer):
    """A subclass sets these four attributes."""

    _encoder: tokenizers.Tokenizer
    _bytes: np.ndarray
    """(V,) of bytes objects: what each token stands for; b"" for the start token."""
    _id_of_byte: Ids
    """(256,): the token of each byte."""
    _byte_by_byte: re.Pattern[str] = SURROGATES
    """The text that is encoded byte by byte. It has one group, so that `split` keeps the matches."""

    def encode(self, text: str) -> Ids:
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        return self._encode_parts([text] for text in texts)

    def _encode_parts(self, texts: Iterable[Iterable[str | int]]) -> list[Ids]:
        """The ids of texts. Each text is a sequence of stretches, which are encoded separately, and ids."""
        ids_of_texts: list[list[Ids | None]] = []  # None where the library's ids are still missing
        stretches: list[str] = []
        for text in texts:
            ids: list[Ids | None] = [np.empty(0, dtype=np.int64)]
            for part in text:
                if isinstance(part, int):
                    ids.append(np.array([part], dtype=np.int64))
                    continue
                # split by one group: every second part is the group
                for number, stretch in enumerate([part] if part.isascii() else self._byte_by_byte.split(part)):
                    if number % 2:
                        ids.append(self._id_of_byte[np.frombuffer(encode_utf8(stretch), dtype=np.uint8)])
                    elif stretch:
                        ids.append(None)
                        stretches.append(stretch)
            ids_of_texts.append(ids)
        encoded = iter(self._encoder.encode_batch_fast(stretches, add_special_tokens=False))
        return [
            np.concatenate([np.array(next(encoded).ids, dtype=np.int64) if part is None else part for part in ids])
            for ids in ids_of_texts
        ]

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        return decode_utf8(b"".join(self._bytes[np.asarray(tokens, dtype=np.int64)]))

    def token_bytes(self, token: int) -> bytes:
        data: bytes = self._bytes[token]
        return data

    def token_text(self, token: int) -> str:
        data: bytes = self._bytes[token]
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return "".join(f"<0x{byte:02X}>" for byte in data)
        return super().token_text(token)


def spelling_of_bytes() -> list[str]:
    """GPT-2's printable character for each byte: itself where that is printable, else the next ones from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)}
    spare = iter(range(NUM_BYTES, 2 * NUM_BYTES))
    return [chr(byte if byte in printable else next(spare)) for byte in range(NUM_BYTES)]
