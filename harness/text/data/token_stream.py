"""Token streams: a split of a corpus as one long array of ids, cached on disk by the hash of its inputs.

    START document 1 START document 2 ... START document D

The start token begins each document, so it also marks the end of the one before.
"""

from __future__ import annotations

import hashlib
import os
import tokenize
from pathlib import Path

import numpy as np

from harness.common.files import writing
from harness.text.data.corpus import Corpus
from harness.text.data.disk_cache import cache_folder, warn_unwritable
from harness.text.tokenizers.tokenizer import Tokenizer

# Raised when the layout of a stream changes, so that old files aren't read as new ones.
_LAYOUT = 2
_DIGEST_LENGTH = 64


def token_stream(corpus: Corpus, split: str, tokenizer: Tokenizer) -> np.ndarray:
    """The token stream of a split, (N,) uint16 or uint32, read-only; from the cache if it is there.

    A memory map of a cache file; where the cache can't be written to, an array in memory and one warning. Several
    processes may call it at once: each sees a complete file or none.
    """
    path = _path(corpus, split, tokenizer)
    tokens = _read(path)
    if tokens is None:
        encoded = _encode(corpus, split, tokenizer)
        try:
            with writing(path) as file:
                np.save(file, encoded, allow_pickle=False)
                file.write(_digest(encoded))
            tokens = _read(path)
        except OSError as error:
            warn_unwritable(error)
        if tokens is None:
            tokens = encoded
    tokens.flags.writeable = False
    return tokens


def _path(corpus: Corpus, split: str, tokenizer: Tokenizer) -> Path:
    # Two plugin classes, or two versions of one, may have the same JSON but encode differently. (The name of a plugin
    # file's module contains the hash of its text.)
    tokenizer_id = f"{type(tokenizer).__module__}.{type(tokenizer).__qualname__} {tokenizer.fingerprint}"
    made_from = f"{_LAYOUT} {corpus.fingerprint} {tokenizer_id} {split}"
    return cache_folder() / "tokens" / f"{hashlib.sha256(made_from.encode()).hexdigest()}.npy"


def _read(path: Path) -> np.ndarray | None:
    """The ids in a file; None where it is missing or damaged (it is then made again)."""
    try:
        tokens: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            file.seek(-_DIGEST_LENGTH, os.SEEK_END)
            is_whole = file.read() == _digest(tokens)
    # the last two: numpy reads a header as Python text
    except (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError):
        return None
    return tokens if is_whole else None


def _digest(tokens: np.ndarray) -> bytes:
    """The end of the file: a hash of the ids and of their type."""
    total = hashlib.sha256(str(tokens.dtype).encode())
    total.update(tokens.data)
    return total.hexdigest().encode()


def _encode(corpus: Corpus, split: str, tokenizer: Tokenizer) -> np.ndarray:
    dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
    start = np.array([tokenizer.start_token], dtype=dtype)
    parts = [np.empty(0, dtype=dtype)]
    for ids in tokenizer.encode_many([document.text for document in corpus.documents(split)]):
        parts += [start, ids.astype(dtype)]
    return np.concatenate(parts)
