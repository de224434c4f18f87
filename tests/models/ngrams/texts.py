"""Random documents to count, skewed enough that counts of counts allow estimates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from models.ngram import NGram
from models.settings.ngram import NGramConfig

Documents = list[list[int]]


def random_documents(seed: int, num_documents: int, longest: int, num_tokens: int) -> Documents:
    """Documents over the ids 0 to num_tokens - 1; empty ones occur."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(num_tokens, 0.6))
    return [rng.choice(num_tokens, size=rng.integers(0, longest + 1), p=weights).tolist() for _ in range(num_documents)]


def stream_of(documents: Sequence[Sequence[int]], start: int) -> list[int]:
    return [token for document in documents for token in (start, *document)]


def fit(
    stream: Sequence[int] | np.ndarray,
    vocab_size: int,
    start: int,
    held_out: Sequence[Sequence[int]] = (),
    num_params: int | None = None,
    **options: Any,
) -> NGram:
    model = NGramConfig(**options).build(vocab_size, start)
    model.count(torch.from_numpy(np.asarray(stream, dtype=np.int64)))
    model.finish([torch.tensor(document, dtype=torch.int64) for document in held_out], num_params)
    return model
