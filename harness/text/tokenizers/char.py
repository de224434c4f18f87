"""tokenizer=char: a token for each character of the training text; others are written as hexadecimal digits.

A character outside the alphabet becomes the hexadecimal digits of its UTF-8 bytes: two tokens for each byte, from 16
tokens reserved for them. So every text can be encoded with only 16 tokens more than the alphabet, not 256.

tokenizer.fallback=false leaves these 16 out: the alphabet is closed, and a text with any other character is refused.
Then as many symbols share the probability as in published tables over a fixed alphabet (27 for names: the letters, and
the start token, which is also the end of a name).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.common.options import check_least
from harness.text.data.corpus import Document
from harness.text.tokenizers.labels import LabelTokens, SpeakerTokens, labels_from_json
from harness.text.tokenizers.tokenizer import Ids, OutsideAlphabet, Tokenizer, canonical_json
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from harness.text.utf8 import decode_utf8

NUM_DIGITS = 16
_NUM_CODE_POINTS = 0x110000
_SHOWN = 20
"""Characters that an error shows before and after the one without a token."""


class CharTokenizer(Tokenizer):
    """Id 0 is the start token; then the labels, the 16 hexadecimal digits (with `fallback`), and the alphabet by code
    point."""

    def __init__(
        self,
        code_points: Sequence[int],
        labels: Sequence[str] = (),
        form: TranscriptFormat = HUMAN_ASSISTANT,
        fallback: bool = True,
    ) -> None:
        """`code_points`: the alphabet, each once. `labels`: speaker labels that are one token each, where `form` has
        labels. `fallback`: whether other characters are written as digits, or refused."""
        alphabet = np.array(sorted(set(code_points)), dtype=np.int64)
        if len(alphabet) != len(code_points) or (alphabet < 0).any() or (alphabet >= _NUM_CODE_POINTS).any():
            raise ValueError("the alphabet must be code points of Unicode, each once")
        self.start_token = 0
        self._labels = LabelTokens(labels, form, first_id=1)
        self.label_tokens = self._labels.ids
        self.is_closed = not fallback
        num_digits = NUM_DIGITS if fallback else 0
        self._first_digit = 1 + len(labels)
        self._first_char = self._first_digit + num_digits
        self.vocab_size = self._first_char + len(alphabet)
        self._code_points = alphabet
        self._texts = np.array(["", *labels, *([""] * num_digits), *map(chr, alphabet)], dtype=object)
        self._ids = np.full(_NUM_CODE_POINTS, -1, dtype=np.int32)
        self._ids[alphabet] = np.arange(self._first_char, self.vocab_size, dtype=np.int32)

    def encode(self, text: str) -> Ids:
        parts = [
            np.array([part], dtype=np.int64) if isinstance(part, int) else self._encode_plain(part)
            for part in self._labels.split(text)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def _encode_plain(self, text: str) -> Ids:
        code_points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
        ids = self._ids[code_points].astype(np.int64)
        unseen = np.flatnonzero(ids < 0)
        if not len(unseen):
            return ids
        if self.is_closed:
            raise self._refusal(text, int(unseen[0]))
        num_bytes = _utf8_length(code_points[unseen])
        lengths = np.ones(len(ids), dtype=np.int64)
        lengths[unseen] = 2 * num_bytes
        begins = np.cumsum(lengths) - lengths
        encoded = np.repeat(ids, lengths)
        for size in range(1, 5):
            of_size = unseen[num_bytes == size]
            digits = _utf8_digits(code_points[of_size].astype(np.int64), size)  # (characters, 2 * size)
            encoded[begins[of_size][:, None] + np.arange(2 * size)] = self._first_digit + digits
        return encoded

    def _refusal(self, text: str, at: int) -> OutsideAlphabet:
        character, alphabet = text[at], "".join(map(chr, self._code_points[:100]))
        shown = text[max(0, at - _SHOWN) : at + _SHOWN]
        more = f" and {len(self._code_points) - 100:,} more" if len(self._code_points) > 100 else ""
        return OutsideAlphabet(
            f"the character {character!r} (U+{ord(character):04X}), in {shown!r}, has no token: with "
            f"tokenizer.fallback=false only the {len(self._code_points):,} characters of the training text have one "
            f"({alphabet!r}{more}). Leave it out of the text, or train with tokenizer.fallback=true, which writes "
            "other characters as bytes."
        )

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        ids = np.asarray(tokens, dtype=np.int64)
        is_digit = (ids >= self._first_digit) & (ids < self._first_char)
        if not is_digit.any():
            return "".join(self._texts[ids])
        edges = np.flatnonzero(np.diff(is_digit)) + 1
        runs = np.split(ids, edges)
        return "".join(
            self._decode_digits(run) if digits else "".join(self._texts[run])
            for run, digits in zip(runs, is_digit[np.concatenate([[0], edges])], strict=True)
        )

    def _decode_digits(self, ids: np.ndarray) -> str:
        digits = ids - self._first_digit
        pairs = digits[: len(digits) // 2 * 2].reshape(-1, 2)
        # A single digit at the end isn't a byte.
        rest = "�" if len(digits) % 2 else ""
        return decode_utf8((pairs[:, 0] * NUM_DIGITS + pairs[:, 1]).astype(np.uint8).tobytes()) + rest

    def unseen_characters(self, text: str) -> Counter[str]:
        code_points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
        return Counter(map(chr, code_points[self._ids[code_points] < 0].tolist()))

    def token_text(self, token: int) -> str:
        if self._first_digit <= token < self._first_char:
            return f"<0x{token - self._first_digit:X}>"
        return super().token_text(token)

    def token_bytes(self, token: int) -> bytes:
        return b"" if self._first_digit <= token < self._first_char else super().token_bytes(token)

    def to_json(self) -> str:
        alphabet = {"code_points": self._code_points.tolist(), "fallback": not self.is_closed}
        return canonical_json({"kind": "char", **self._labels.to_json(), **alphabet})


def _utf8_length(code_points: np.ndarray) -> np.ndarray:
    """Bytes of UTF-8 that each code point takes, 1 to 4; a surrogate takes 3."""
    return 1 + (code_points >= 0x80).astype(np.int64) + (code_points >= 0x800) + (code_points >= 0x10000)


def _utf8_digits(code_points: np.ndarray, size: int) -> np.ndarray:
    """The hexadecimal digits of code points that take `size` bytes each: (N,) to (N, 2 * size). RFC 3629, section 3."""
    lead = {1: 0x00, 2: 0xC0, 3: 0xE0, 4: 0xF0}[size]
    columns = [lead | (code_points >> 6 * (size - 1))]
    columns += [0x80 | ((code_points >> 6 * i) & 0x3F) for i in range(size - 2, -1, -1)]
    data = np.stack(columns, axis=1)
    return np.stack([data >> 4, data & 0xF], axis=2).reshape(len(code_points), 2 * size)


@dataclass(frozen=True)
class CharTokenizerSettings(SpeakerTokens):
    """tokenizer=char: characters as tokens."""

    min_count: int = 1
    """Characters seen less often than this in training are written as bytes; 1 or more."""

    fallback: bool = True
    """Whether characters outside the alphabet are written as bytes. False: the alphabet is closed, and a text with
    another character is refused."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, min_count=1)
        if not self.fallback and self.min_count > 1:
            raise ValueError(
                f"min_count={self.min_count} is not allowed with fallback=false, which would refuse the rare "
                "characters of the training text itself. Set min_count=1, or fallback=true."
            )

    @property
    def least_vocab_size(self) -> int:
        return 1 + len(self.active_labels) + NUM_DIGITS * self.fallback

    def train(self, documents: Sequence[Document]) -> CharTokenizer:
        counts: Counter[str] = Counter()
        for document in documents:
            counts.update(document.text)
        frequent = sorted(ord(char) for char, count in counts.items() if count >= self.min_count)
        return CharTokenizer(frequent, self.active_labels, self.format, self.fallback)

    @classmethod
    def read(cls, content: str) -> CharTokenizer:
        described = json.loads(content)
        return CharTokenizer(described["code_points"], *labels_from_json(described), described["fallback"])
