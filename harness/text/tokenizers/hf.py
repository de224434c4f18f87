"""tokenizer=hf: the tokenizer of a model of the transformers library, from its folder.

The library `tokenizers` encodes, by the folder's tokenizer.json; no code in the folder is run. The tokenizer must have
a token for every byte, as byte-level tokenizers do (GPT-2's and most later ones), and those with byte fallback (Llama
2's, Gemma's). Encoding is made lossless, because bits are counted for the text itself: it isn't normalised, no space is
added before it, nothing is stripped, and names of special tokens in it are plain text.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.common.errors import UserError
from harness.text.data.corpus import Document
from harness.text.tokenizers.token_bytes import NUM_BYTES, BytesTokenizer, spelling_of_bytes
from harness.text.tokenizers.tokenizer import TokenizerSettings, canonical_json
from harness.text.utf8 import encode_utf8

TOKENIZER_FILE, TOKENIZER_CONFIG_FILE, MODEL_CONFIG_FILE = "tokenizer.json", "tokenizer_config.json", "config.json"
_START_NAMES = ("bos_token", "eos_token")
_SPACE = "▁"
"""How tokenizers with byte fallback write a space."""
# Training documents up to about this many characters are encoded and decoded, to check that nothing is lost.
_CHECKED = 1 << 22


class HFTokenizer(BytesTokenizer):
    """A tokenizer of the library, and the token that opens a document."""

    def __init__(self, description: Mapping[str, Any], start_token: int) -> None:
        """description: a tokenizer.json that changes no text (`lossless`). ValueError where it can't be read, or bytes
        have no token.
        """
        from tokenizers import Tokenizer as LibraryTokenizer

        self._description = description
        self.start_token = start_token
        self.label_tokens = {}
        try:
            self._encoder = LibraryTokenizer.from_str(json.dumps(description))
        except Exception as error:  # the library raises plain Exception
            raise ValueError(f"the library tokenizers can't read it: {error}") from None
        self._encoder.encode_special_tokens = True
        is_byte_level = _is_byte_level(description)
        if not is_byte_level:
            self._byte_by_byte = re.compile(f"([\ud800-\udfff{_SPACE}]+)")
        vocab = self._encoder.get_vocab(with_added_tokens=False)
        added = {token: about.content for token, about in self._encoder.get_added_tokens_decoder().items()}
        self.vocab_size = max(*vocab.values(), *added, start_token) + 1
        self._bytes = np.full(self.vocab_size, b"", dtype=object)
        bytes_of = _byte_level_bytes if is_byte_level else _byte_fallback_bytes
        for spelt, token in vocab.items():
            self._bytes[token] = bytes_of(spelt)
        for token, content in added.items():
            self._bytes[token] = encode_utf8(content if is_byte_level else content.replace(_SPACE, " "))
        self._bytes[start_token] = b""
        names = spelling_of_bytes() if is_byte_level else [f"<0x{byte:02X}>" for byte in range(NUM_BYTES)]
        missing = sum(name not in vocab for name in names)
        if missing:
            raise ValueError(f"{missing} of the 256 bytes have no token, so it can't write every text")
        self._id_of_byte = np.array([vocab[name] for name in names], dtype=np.int64)

    def token_text(self, token: int) -> str:
        return super().token_text(token) or f"<token {token}>"

    def to_json(self) -> str:
        return canonical_json({"kind": "hf", "description": self._description, "start_token": self.start_token})


def steps_of(step: Any) -> Iterator[dict[str, Any]]:
    """The single steps of a step of a tokenizer.json, sequences flattened."""
    if not step:
        return
    if step["type"] != "Sequence":
        yield step
    for name in ("normalizers", "pretokenizers", "decoders"):
        for part in step.get(name, ()):
            yield from steps_of(part)


def _is_byte_level(description: Mapping[str, Any]) -> bool:
    return any(step["type"] == "ByteLevel" for step in steps_of(description["decoder"]))


def lossless(description: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer.json without the steps that change texts. ValueError where some byte has no token."""
    if not _is_byte_level(description) and not description["model"].get("byte_fallback"):
        raise ValueError("it is not byte-level and has no byte fallback, so it can't write every text")
    normalizers = [
        step for step in steps_of(description["normalizer"]) if step["type"] == "Replace" and step["content"] == _SPACE
    ]
    cuts = [dict(step) for step in steps_of(description["pre_tokenizer"])]
    for step in cuts:
        if step["type"] == "ByteLevel":
            step["add_prefix_space"] = False
        if step["type"] == "Metaspace":
            step.pop("add_prefix_space", None)  # the older name of prepend_scheme
            step["prepend_scheme"] = "never"
    return {
        **description,
        "truncation": None,
        "padding": None,
        "normalizer": {"type": "Sequence", "normalizers": normalizers} if normalizers else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": cuts} if cuts else None,
        "added_tokens": [token | {"lstrip": False, "rstrip": False} for token in description.get("added_tokens") or ()],
        "model": {name: None if name == "dropout" else value for name, value in description["model"].items()},
    }


_BYTE_SPELT = {char: byte for byte, char in enumerate(spelling_of_bytes())}


def _byte_level_bytes(spelt: str) -> bytes:
    if all(char in _BYTE_SPELT for char in spelt):
        return bytes(_BYTE_SPELT[char] for char in spelt)
    return encode_utf8(spelt)  # the name of a special token


def _byte_fallback_bytes(spelt: str) -> bytes:
    if re.fullmatch("<0x[0-9A-F]{2}>", spelt):
        return bytes([int(spelt[3:5], 16)])
    return encode_utf8(spelt.replace(_SPACE, " "))


@dataclass(frozen=True)
class HFTokenizerSettings(TokenizerSettings):
    """tokenizer=hf: nothing is learnt."""

    path: str = ""
    """The folder with tokenizer.json, and tokenizer_config.json or config.json. Stored as an absolute path."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError(
                f"path is empty: name the folder with the model's {TOKENIZER_FILE}, as tokenizer.path=~/models/gpt2"
            )
        object.__setattr__(self, "path", os.path.abspath(os.path.expanduser(self.path)))
        if not (Path(self.path) / TOKENIZER_FILE).is_file():
            missing = f"no {TOKENIZER_FILE} in it" if Path(self.path).is_dir() else "no such folder"
            raise ValueError(
                f"tokenizer.path={self.path} can't be used ({missing}). Name the folder of a transformers model that "
                f"has {TOKENIZER_FILE}. For an older model, load its tokenizer with transformers and write it with "
                "save_pretrained."
            )

    @property
    def content_sha256(self) -> str:
        """SHA-256 (hex) of the files read: another tokenizer at the same path makes another fit."""
        files = [Path(self.path) / name for name in (TOKENIZER_FILE, TOKENIZER_CONFIG_FILE, MODEL_CONFIG_FILE)]
        hashes = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files if file.is_file()]
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    def train(self, documents: Sequence[Document]) -> HFTokenizer:
        """The folder's tokenizer. UserError where it can't be used, or changes one of these documents."""
        try:
            description = lossless(self._read(TOKENIZER_FILE))
            tokenizer = HFTokenizer(description, self._start_token(description))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"the tokenizer in {self.path} can't be used: "
                f"{error if isinstance(error, ValueError) else repr(error)}. Use a byte-level tokenizer, or one with "
                "byte fallback, as most causal models have."
            ) from None
        totals = itertools.accumulate(len(document.text) for document in documents)
        checked = [
            document for document, total in zip(documents, totals, strict=True) if total - len(document.text) < _CHECKED
        ]
        encoded = tokenizer.encode_many([document.text for document in checked])
        for document, ids in zip(checked, encoded, strict=True):
            if tokenizer.decode(ids) != document.text:
                raise UserError(
                    f"the tokenizer in {self.path} changes texts: document {document.id} is different after encoding "
                    "and decoding, so its bits would be those of another text. Use another tokenizer."
                )
        return tokenizer

    @classmethod
    def read(cls, content: str) -> HFTokenizer:
        """A fit stores its tokenizer, so the folder isn't read again."""
        described = json.loads(content)
        return HFTokenizer(described["description"], described["start_token"])

    def _read(self, name: str) -> dict[str, Any]:
        content = json.loads((Path(self.path) / name).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"{name} is not a JSON object")
        return content

    def _start_token(self, description: Mapping[str, Any]) -> int:
        """The bos token, else the eos token, from the tokenizer's configuration, else from the model's."""
        ids = {token["content"]: token["id"] for token in description["added_tokens"]}
        if isinstance(description["model"]["vocab"], dict):
            ids = description["model"]["vocab"] | ids
        if (Path(self.path) / TOKENIZER_CONFIG_FILE).is_file():
            config = self._read(TOKENIZER_CONFIG_FILE)
            for name in _START_NAMES:
                word = config.get(name)
                word = word["content"] if isinstance(word, dict) else word
                if word in ids:
                    return int(ids[word])
        if (Path(self.path) / MODEL_CONFIG_FILE).is_file():
            config = self._read(MODEL_CONFIG_FILE)
            for name in _START_NAMES:
                if isinstance(config.get(f"{name}_id"), int):
                    return int(config[f"{name}_id"])
        raise ValueError(
            f"neither {TOKENIZER_CONFIG_FILE} nor {MODEL_CONFIG_FILE} names a token that begins a document. Add "
            f"{' or '.join(_START_NAMES)} to {TOKENIZER_CONFIG_FILE}"
        )
