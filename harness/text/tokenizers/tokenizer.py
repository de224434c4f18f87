"""What a tokenizer is: text to token ids and back, lossless on any Python string.

There is no unknown token: what training never showed is written as bytes, so every text has ids, and therefore a
probability. The start token opens every document and belongs to no text: `encode` never gives it, whatever the text
says, and it decodes to nothing.
"""

from __future__ import annotations

import functools
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from harness.text.data.corpus import Document

Ids = np.ndarray[tuple[int], np.dtype[np.int64]]
"""Token ids: (N,) int64."""


class Tokenizer(ABC):
    """Text to ids and back: `decode(encode(text)) == text` for every Python string, lone surrogates included."""

    vocab_size: int
    """Number of ids: 0 to vocab_size - 1, the start token and labels included."""
    start_token: int
    """Opens every document. `encode` never gives it; it decodes to ''."""
    label_tokens: Mapping[str, int]
    """Labels of speakers (or markers around turns) that are one token each, as {"Human:": 257}; empty when
    `speaker_tokens` is off."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """The ids of a text: (N,) int64, N = 0 for ''."""

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, as `encode` gives them; faster than one by one where a tokenizer can do that."""
        return [self.encode(text) for text in texts]

    @abstractmethod
    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """The text of ids, in any order; never raises for ids of the vocabulary. Bytes that make no character become
        U+FFFD.

        The text of a whole is not always the joined texts of its parts: a character may straddle tokens.
        """

    @abstractmethod
    def to_json(self) -> str:
        """Everything there is to know about this tokenizer, as canonical JSON: equal tokenizers give equal strings,
        others another one."""

    @functools.cached_property
    def single_texts(self) -> Mapping[int, str]:
        """What each token decodes to by itself: decoded when it is first looked up, then kept."""
        return _SingleTexts(self)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of `to_json()`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def token_text(self, token: int) -> str:
        """One token, for display only: its text, or a name in angle brackets where it has none of its own."""
        return "<start>" if token == self.start_token else self.decode([token])


class _SingleTexts(dict[int, str]):
    """A dictionary that fills itself: it is asked for every token that is written, and nothing is looked up faster."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __missing__(self, token: int) -> str:
        return self.setdefault(token, self._tokenizer.decode([token]))


@dataclass(frozen=True)
class TokenizerSettings(ABC):
    """What a user can choose about a tokenizer: a frozen dataclass, one field an option.

    A wrong value raises ValueError with a sentence for the user when the settings are made.
    """

    version: ClassVar[int] = 1
    """Raised when the same options come to mean another tokenizer, so that old fits aren't taken for new ones."""

    @abstractmethod
    def train(self, documents: Sequence[Document]) -> Tokenizer:
        """The tokenizer that these settings make of training documents; the same in any process."""

    @classmethod
    @abstractmethod
    def read(cls, content: str) -> Tokenizer:
        """The tokenizer whose `to_json` this is, made by any settings of this class."""


def canonical_json(content: Mapping[str, Any]) -> str:
    """One string for equal contents: sorted keys, ASCII, no spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
