"""The base class of tokenizers: text to token ids and back, lossless for any Python string.

There is no unknown token: text unseen in training is written as bytes. So every text has ids, and therefore a
probability. Only a tokenizer with a closed alphabet refuses texts, and says for which character. The start token begins
every document and is never part of a text: `encode` never returns it, and it decodes to the empty string.
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

from harness.common.errors import UserError
from harness.text.data.corpus import Document
from harness.text.utf8 import encode_utf8

# Characters that are shown before and after the place where a tokenizer changes a text.
_SHOWN = 20

Ids = np.ndarray[tuple[int], np.dtype[np.int64]]
"""Token ids: (N,) int64."""


class OutsideAlphabet(UserError):
    """A text with a character that a closed alphabet doesn't have."""


class Tokenizer(ABC):
    """Text to ids and back: `decode(encode(text)) == text` for every Python string, lone surrogates included."""

    is_closed: bool = False
    """Whether it has a closed alphabet: `encode` raises OutsideAlphabet for a text with any other character."""

    vocab_size: int
    """Number of ids: 0 to vocab_size - 1, the start token and labels included."""
    start_token: int
    """Begins every document. `encode` never returns it; it decodes to ''."""
    label_tokens: Mapping[str, int]
    """Labels of speakers (or markers around turns) that are one token each, as {"Human:": 257}; empty when
    `speaker_tokens` is off."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """The ids of a text: (N,) int64, N = 0 for ''."""

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, the same as from `encode`; faster where a tokenizer supports it."""
        return [self.encode(text) for text in texts]

    @abstractmethod
    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """The text of ids, in any order; never raises for ids of the vocabulary. Bytes that make no character become
        U+FFFD.

        Decoding token by token may give another text than decoding them together: a character may span tokens.
        """

    def unseen_characters(self, text: str) -> Mapping[str, int]:
        """How often each character occurs that has no token because it was too rare in training. By default none, as
        for tokenizers that read bytes."""
        return {}

    @abstractmethod
    def to_json(self) -> str:
        """The whole tokenizer as canonical JSON: equal for equal tokenizers, different for different ones."""

    @functools.cached_property
    def single_texts(self) -> Mapping[int, str]:
        """The text of each single token: decoded at the first look-up, then stored."""
        return _SingleTexts(self)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of `to_json()`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def token_text(self, token: int) -> str:
        """One token, for display only: its text, or a name in angle brackets where it has no text."""
        return "<start>" if token == self.start_token else self.decode([token])

    def token_bytes(self, token: int) -> bytes:
        """What one token stands for in UTF-8; empty for the start token, and where a token is no whole byte."""
        return encode_utf8(self.decode([token]))


def encode_whole(tokenizer: Tokenizer, text: str) -> Ids:
    """The ids of a text that is to be scored. UserError where they decode to another text."""
    tokens = tokenizer.encode(text)
    decoded = tokenizer.decode(tokens)
    if decoded != text:
        pairs = enumerate(zip(text, decoded, strict=False))
        at = next((at for at, (before, after) in pairs if before != after), min(len(text), len(decoded)))
        shown = slice(max(0, at - _SHOWN), at + _SHOWN)
        raise UserError(
            f"{type(tokenizer).__name__} changes a text that is to be scored: from character {at:,} on, "
            f"{text[shown]!r} comes back as {decoded[shown]!r}, so the bits would be those of another text. Use a "
            "tokenizer that loses nothing: decode(encode(text)) == text."
        )
    return tokens


def encode_continuation(tokenizer: Tokenizer, prompt: str, continuation: str) -> tuple[Ids, Ids]:
    """The ids of a prompt, and those of a continuation that is scored after it. UserError as in `encode_whole`.

    Both are encoded as one text, which is split where the prompt's ids end (as in lm_eval). Where a token would reach
    over that place (BPE writes "the ca" and "t" as "the", " cat"), each is encoded by itself: then the ids still stand
    for the whole text, and the continuation has ids of its own.
    """
    prompt_ids = encode_whole(tokenizer, prompt)
    ids = encode_whole(tokenizer, prompt + continuation)
    if len(ids) > len(prompt_ids) and np.array_equal(ids[: len(prompt_ids)], prompt_ids):
        return prompt_ids, ids[len(prompt_ids) :]
    return prompt_ids, encode_whole(tokenizer, continuation)


class _SingleTexts(dict[int, str]):
    """A dictionary that fills itself. It is used for every generated token, so look-ups must be fast."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __missing__(self, token: int) -> str:
        return self.setdefault(token, self._tokenizer.decode([token]))


@dataclass(frozen=True)
class TokenizerSettings(ABC):
    """The options of a tokenizer: a frozen dataclass with one field for each option.

    A wrong value raises ValueError with a sentence for the user when the settings are made.
    """

    version: ClassVar[int] = 1
    """Raise it when the same options make a different tokenizer, so that old fits aren't used for new ones."""

    @property
    def least_vocab_size(self) -> int:
        """The vocabulary is at least so large, whatever the text."""
        return 1

    @abstractmethod
    def train(self, documents: Sequence[Document]) -> Tokenizer:
        """Train the tokenizer on these documents; the result is the same in any process."""

    @classmethod
    @abstractmethod
    def read(cls, content: str) -> Tokenizer:
        """The tokenizer whose `to_json` this is, made by any settings of this class."""


def canonical_json(content: Mapping[str, Any]) -> str:
    """One string for equal contents: sorted keys, ASCII, no spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
