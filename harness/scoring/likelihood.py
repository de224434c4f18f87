"""Log-likelihoods of texts under any model, in batches.

Every text has a probability: no token is skipped or unknown, and the first token of a document is scored too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.common.lazy import LazyModule
from harness.scoring.answers import Likelihood, TokenScores
from harness.scoring.prompt_reader import DEFAULT_BATCH_SIZE, PromptReader, pad

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from models.language_model import LanguageModel, State
else:
    torch = LazyModule("torch")

# A batch of documents has at most this many tokens, padding included.
_TOKENS_A_BATCH = 1 << 17
# Continuations are read in pieces that need at most this many float32 values.
_VALUES_AT_ONCE = 1 << 24


def document_logprobs(
    model: LanguageModel,
    documents: Sequence[np.ndarray],
    on_done: Callable[[int], None] = lambda num_tokens: None,
) -> list[np.ndarray]:
    """The log-probability of every token of every document, each read from its start.

    documents: (N,) int64 arrays of any lengths. Returns float32 arrays of the same lengths, in the same order.
    """
    scored: dict[int, np.ndarray] = {}
    for batch in _batches([len(tokens) for tokens in documents]):
        padded, lengths = pad([documents[index] for index in batch])
        values = model.token_logprobs(padded, lengths).cpu().numpy()
        for row, index in enumerate(batch):
            scored[index] = values[row, : len(documents[index])]
        on_done(int(lengths.sum()))
    return [scored[index] for index in range(len(documents))]


def most_probable(logprobs: Tensor) -> Tensor:
    """(B, ..., V) -> (B, ...) int64: the most probable token of each row; of equally probable ones the lowest id."""
    # numpy's argmax takes the first of equal values; torch's may take any
    return torch.from_numpy(logprobs.cpu().numpy().argmax(axis=-1))


def nats(logprobs: np.ndarray) -> float:
    """Sum of -ln p, added up in float64."""
    return float(-logprobs.astype(np.float64).sum())


def likelihood(model: LanguageModel, total: float, num_tokens: int, is_greedy: bool | None = None) -> Likelihood:
    """A likelihood of `total` nats; without a value where the model's scores aren't probabilities, or are zero."""
    reason = model.why_no_distribution
    if reason is None and not math.isfinite(total):
        reason = "the model gives a part of the text no probability at all"
    return Likelihood(total if reason is None else None, num_tokens, is_greedy, reason)


def document_likelihood(model: LanguageModel, logprobs: np.ndarray) -> Likelihood:
    """The likelihood of a document, from its tokens' log-probabilities (N,), with the score of each token."""
    scored = likelihood(model, nats(logprobs), len(logprobs))
    if scored.nats is None:
        return scored
    num_context = model.num_context_tokens(len(logprobs)).numpy()
    return dataclasses.replace(scored, by_token=TokenScores(-logprobs.astype(np.float64), num_context))


def score_targets(
    model: LanguageModel,
    prompts: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    batch_size: int = DEFAULT_BATCH_SIZE,
    on_done: Callable[[int], None] = lambda count: None,
) -> list[Likelihood]:
    """How likely the tokens of each target (N,) are after those of its prompt (M,), N and M 0 or more."""
    reader = PromptReader(model, prompts)
    likelihoods: dict[int, Likelihood] = {}
    for batch in reader.batches(batch_size):
        scored = _score_targets(model, reader.read(batch), [targets[index] for index in batch])
        for index, (total, is_greedy) in zip(batch, scored, strict=True):
            likelihoods[index] = likelihood(model, total, len(targets[index]), is_greedy)
        on_done(len(batch))
    return [likelihoods[index] for index in range(len(prompts))]


def _score_targets(model: LanguageModel, state: State, targets: Sequence[np.ndarray]) -> list[tuple[float, bool]]:
    """(nats, whether greedy decoding would write it) of each row's continuation."""
    padded, lengths = pad(targets)
    total = torch.zeros(len(targets), dtype=torch.float64)
    greedy = torch.ones(len(targets), dtype=torch.bool)
    piece = max(1, _VALUES_AT_ONCE // (len(targets) * model.vocab_size))
    for start in range(0, padded.shape[1], piece):
        part = padded[:, start : start + piece]
        left = (lengths - start).clamp(min=0)
        before = state.logprobs[:, None]
        # The distribution after a row's last token isn't needed. In the last piece all rows therefore read to the end
        # of the longest, which is faster than reading each to its own end.
        is_last = start + piece >= padded.shape[1]
        after, state = model.read(state, part[:, :-1]) if is_last else model.read(state, part, left)
        rows = torch.cat([before, after], dim=1)[:, : part.shape[1]].cpu()
        real = torch.arange(part.shape[1]) < left[:, None]
        total -= torch.where(real, rows.gather(2, part[:, :, None])[:, :, 0].double(), 0.0).sum(dim=1)
        greedy &= ((most_probable(rows) == part) | ~real).all(dim=1)
    return list(zip(total.tolist(), greedy.tolist(), strict=True))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices by length, cut so that a padded batch stays within the limit; a longer document is a batch by itself."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if batch and (len(batch) + 1) * lengths[index] > _TOKENS_A_BATCH:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
