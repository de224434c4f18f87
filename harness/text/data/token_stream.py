"""Token streams: a split of a corpus as one long row of ids, kept on disk under the hash of what it was made from.

    START document 1 START document 2 ... START document D

The start token opens each document, so it also says that the one before has ended.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.text.data.corpus import Corpus
from harness.text.data.disk_cache import cache_folder, warn_unwritable, writing
from harness.text.tokenizers.tokenizer import Tokenizer

# Raised when the layout of a stream changes, so that old files aren't read as new ones.
_LAYOUT = 1


@dataclass(frozen=True, eq=False)
class TokenStream:
    """A split of a corpus as ids."""

    tokens: np.ndarray
    """(N,) uint16 or uint32, read-only; on disk (a memory map) where the cache can be written."""
    start_token: int
    """The id that opens each document."""
    num_documents: int
    num_bytes: int
    """Bytes of UTF-8 that the documents have; start tokens have none."""

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def document_starts(self) -> np.ndarray:
        """Where each document's start token stands: (num_documents,) int64, ascending."""
        return np.flatnonzero(self.tokens == self.start_token)


def token_stream(corpus: Corpus, split: str, tokenizer: Tokenizer) -> TokenStream:
    """The token stream of a split, from the cache where it was made before.

    Several processes may ask at once: each sees a whole file or none. A cache that can't be written costs one warning.
    """
    documents = corpus.documents(split)
    path = _path(corpus, split, tokenizer)
    tokens = _read(path)
    if tokens is None:
        made = _encode(corpus, split, tokenizer)
        try:
            with writing(path) as file:
                np.save(file, made, allow_pickle=False)
            tokens = _read(path)
        except OSError as error:
            warn_unwritable(error)
        if tokens is None:
            tokens = made
    tokens.flags.writeable = False
    return TokenStream(tokens, tokenizer.start_token, len(documents), corpus.num_bytes(split))


def _path(corpus: Corpus, split: str, tokenizer: Tokenizer) -> Path:
    made_from = f"{_LAYOUT} {corpus.fingerprint} {tokenizer.fingerprint} {split}"
    return cache_folder() / "tokens" / f"{hashlib.sha256(made_from.encode()).hexdigest()}.npy"


def _read(path: Path) -> np.ndarray | None:
    """The ids in a file; None where there is none, or one that can't be read (it is then made again)."""
    try:
        tokens: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return tokens if tokens.ndim == 1 and tokens.dtype in (np.uint16, np.uint32) else None


def _encode(corpus: Corpus, split: str, tokenizer: Tokenizer) -> np.ndarray:
    dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
    start = np.array([tokenizer.start_token], dtype=dtype)
    parts = [np.empty(0, dtype=dtype)]
    for ids in tokenizer.encode_many([document.text for document in corpus.documents(split)]):
        parts += [start, ids.astype(dtype)]
    return np.concatenate(parts)
