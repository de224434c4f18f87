"""What a tokenizer is: text to token ids and back, lossless on any Python string.

There is no unknown token: what training never showed is written as bytes, so every text has ids, and therefore a
probability. The start token opens every document and belongs to no text: `encode` never gives it, whatever the text
says, and it decodes to nothing.

Speaker labels. With `speaker_tokens` on, a label at a structural place ("Human:" at the start of the text or after a
blank line, or "<|im_end|>" where a turn ends: see harness.text.transcript) is one token of its own; the same words
anywhere else are plain text. A transcript then can't be forged by what is said in it, and handing over a turn is one
choice of the model.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from harness.common.errors import UserError, closest
from harness.text.data.corpus import Document

TOKENIZER_FILE = "tokenizer.json"

# Where the classes of the kinds that come with bakeoff are; imported when a file of that kind is read.
_BUILT_IN_KINDS = {
    "byte": "harness.text.tokenizers.byte",
    "char": "harness.text.tokenizers.char",
    "bpe": "harness.text.tokenizers.bpe",
    "hf": "harness.text.tokenizers.hf",
}

_KINDS: dict[str, type[Tokenizer]] = {}

Ids = np.ndarray[tuple[int], np.dtype[np.int64]]
"""Token ids: (N,) int64."""


class Tokenizer(ABC):
    """Text to ids and back: `decode(encode(text)) == text` for every Python string, lone surrogates included.

    A subclass that sets `kind` can be read back from a tokenizer.json that names that kind, once its module is
    imported.
    """

    kind: ClassVar[str]
    """The word in tokenizer.json that says which class reads it."""
    vocab_size: int
    """Number of ids: 0 to vocab_size - 1, the start token and labels included."""
    start_token: int
    """Opens every document. `encode` never gives it; it decodes to ''."""
    label_tokens: Mapping[str, int]
    """Labels of speakers (or markers around turns) that are one token each, as {"Human:": 257}; empty when
    `speaker_tokens` is off."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            _KINDS[cls.kind] = cls

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
        """Everything there is to know about this tokenizer, as canonical JSON: equal tokenizers give equal strings."""

    @classmethod
    @abstractmethod
    def from_json(cls, content: str) -> Self:
        """The tokenizer that `to_json` described."""

    @functools.cached_property
    def single_texts(self) -> dict[int, str]:
        """What single tokens decode to, as far as somebody has looked; to be filled by who looks."""
        return {}

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of `to_json()`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def token_text(self, token: int) -> str:
        """One token, for display only: its text, or a name in angle brackets where it has none of its own."""
        return "<start>" if token == self.start_token else self.decode([token])

    def save(self, folder: Path) -> None:
        """Write tokenizer.json into a folder, atomically."""
        from harness.common.files import write_bytes

        write_bytes(folder / TOKENIZER_FILE, self.to_json().encode())


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a tokenizer.json, or in a folder that holds one. UserError where there is none that can be
    read."""
    file = path / TOKENIZER_FILE if path.is_dir() else path
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"can't read a tokenizer from {file} ({error}). Give a run's folder or its tokenizer.json."
        ) from error
    try:
        kind = json.loads(content)["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} is not a tokenizer of bakeoff (no JSON with a 'kind'). Give a run's tokenizer.json."
        ) from error
    if kind in _BUILT_IN_KINDS:
        importlib.import_module(_BUILT_IN_KINDS[kind])
    if kind not in _KINDS:
        _import_installed()
    if kind not in _KINDS:
        known = sorted(_BUILT_IN_KINDS.keys() | _KINDS.keys())
        raise UserError(
            f"{file} holds a tokenizer of kind {kind!r}; known are {', '.join(known)}.{closest(str(kind), known)} "
            "If a plugin brings this kind, install the plugin, or name its file with --plugin."
        )
    try:
        return _KINDS[kind].from_json(content)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is a damaged tokenizer of kind {kind!r} ({error!r}). Train it again.") from error


def _import_installed() -> None:
    """Import the tokenizers of installed plugins, so that their kinds are known."""
    from harness.common.errors import PluginError
    from harness.config.options import known_targets
    from harness.config.plugins import import_module

    for target, group in known_targets().items():
        if group == "tokenizer":
            with contextlib.suppress(PluginError, ImportError):  # a broken one may be another than the one asked for
                import_module(target.rpartition(".")[0])


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


def canonical_json(content: Mapping[str, Any]) -> str:
    """One string for equal contents: sorted keys, ASCII, no spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
