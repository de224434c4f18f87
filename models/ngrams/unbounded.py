"""N-grams without an order: contexts of any length, by a suffix array.

In the manner of infini-gram (Liu et al. 2024): a token's probability comes from the longest end of the text that occurs
in training, however long, by its relative frequency there. With maximum_likelihood that is all, as in the paper.

To give every text a probability, all contexts are used, and each passes a part on to the next shorter one, down to an
n-gram model of order 7 under the smoothing that was picked:

    p(w | c) = weight x c(cw) / N(c) + (1 - weight) p(w | the next shorter context with other occurrences)

Contexts with the same occurrences are one, the longest: a passage that occurs once counts once, however much of it is
matched. Held-out text chooses the weights (models/ngrams/held_out.py), one for all contexts of about a length and a
count that are followed by one token only, or by several: a long match with one sequel is a quotation.

Shape legend: B rows, T tokens, V vocabulary size, N tokens of the training text, C runs of a chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.checks import Impossible, check_stored, stored_array
from models.inner import Evidence, Inner
from models.language_model import Cost, CountingModel, ModelConfig, OnStep, State, ignore
from models.ngrams.held_out import choose_weights
from models.ngrams.suffix_array import MAX_CHAIN, SuffixArray, clear_run, count_in_run, extend, tally_run
from models.ngrams.trie import Floats, Indices, Ints

BASE_ORDER = 7
"""The order of the n-gram model, which predicts after contexts that are shorter than this."""
_LENGTHS, _COUNTS = 16, 6
_NUM_BUCKETS = 2 * _LENGTHS * _COUNTS
# Runs longer than this are tallied once, and the result is kept.
_LONG_RUN = 64

Known = Any
"""A numba.typed.Dict from int64 to int64."""


@dataclass(frozen=True, eq=False)
class UnboundedState(State):
    """logprobs (B, V), the state of the n-gram model below, and each row's chain: (B, C, 3), of which `sizes` (B,)."""

    logprobs: Tensor
    base: State
    chains: Tensor
    sizes: Tensor

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.logprobs[index], self.base.select(index), self.chains[index], self.sizes[index])


class UnboundedNGram(CountingModel):
    """An n-gram model, and a suffix array of the training text above it."""

    def __init__(self, config: ModelConfig, base: CountingModel, unseen_factor: float | None) -> None:
        """unseen_factor: multiplies the shorter context's probability of an unseen token; None: weights, as above."""
        self.config = config
        self.base = base
        self.vocab_size, self.start_token = base.vocab_size, base.start_token
        self._factor = -1.0 if unseen_factor is None else unseen_factor
        self._pieces: list[Indices] = []
        self._array: SuffixArray | None = None
        self.weights: Floats = np.zeros(_NUM_BUCKETS)
        # Tallies of long runs: (first row, the one past the last) as one number to (total, types) as another.
        self._known: Known = numba.typed.Dict.empty(numba.int64, numba.int64)

    @property
    def why_no_distribution(self) -> str | None:
        return self.base.why_no_distribution

    def count(self, tokens: Tensor) -> None:
        if self._array is not None:
            # A finished model continues from its own text.
            text = self._array.text()
            self._array = None
            base = self.base.config.build(self.vocab_size, self.start_token)
            assert isinstance(base, CountingModel)
            self.base = base
            self.count(torch.from_numpy(text.astype(np.int64)))
        self.base.scratch_folder = self.scratch_folder
        self.base.count(tokens)
        self._pieces.append(tokens.numpy().astype(np.int32))

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        self.base.finish(held_out, None, lambda share: on_step(0.5 * share))
        text = np.concatenate([np.zeros(0, np.int32), *self._pieces])
        self._pieces = []
        self._set_array(SuffixArray.of(text, self.vocab_size))
        on_step(0.9)
        if self._factor < 0:
            self._choose_weights([document for document in held_out if len(document)])
        on_step(1.0)
        if num_params is not None and self.cost().num_params > num_params:
            raise Impossible(
                f"budget.num_params={num_params:,} can't be met by model=ngram with order=inf, which stores its whole "
                f"text and has {self.cost().num_params:,} parameters. Allow at least that many, or set model.order to "
                "a number."
            )

    def _choose_weights(self, documents: Sequence[Tensor]) -> None:
        if not documents:
            raise Impossible(
                "model=ngram with order=inf needs validation text to choose its weights, but there is none. Use data "
                "with a validation split."
            )
        array = self._fitted()
        parts = []
        for document in documents:
            chain, size = self._opening()
            evidence = _evidence(
                array.followers, array.rows_of, array.offsets, self.start_token, self._known, document.numpy(), chain,
                size, self.vocab_size,
            )  # fmt: skip
            parts.append((*evidence, self.base.token_logprobs(document[None])[0].double().exp().numpy()))
        shares, buckets, below = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        self.weights = choose_weights(shares, buckets, below, _NUM_BUCKETS)

    def _set_array(self, array: SuffixArray) -> None:
        self._array = array
        self._known = numba.typed.Dict.empty(numba.int64, numba.int64)

    def _fitted(self) -> SuffixArray:
        if self._array is None:
            raise RuntimeError("This ngram model has counted nothing: call count, then finish, or load.")
        return self._array

    def _opening(self) -> tuple[Ints, int]:
        """The chain of a document's opening, (C, 3), and its size."""
        array = self._fitted()
        chain = np.zeros((MAX_CHAIN, 3), np.int64)
        chain[0, 1] = len(array.followers)
        return chain, extend(array.rows_of, array.offsets, self.start_token, chain, 1, self.start_token)

    def start(self, num_rows: int = 1) -> UnboundedState:
        chain, size = self._opening()
        base = self.base.start(1)
        state = UnboundedState(base.logprobs, base, torch.from_numpy(chain)[None], torch.tensor([size]))
        return state.select([0] * num_rows)

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, UnboundedState)
        array = self._fitted()
        num_rows, num_tokens = tokens.shape
        ends = torch.full((num_rows,), num_tokens) if lengths is None else lengths
        after, base = self.base.read(state.base, tokens, ends)
        chains, sizes = state.chains.numpy().copy(), state.sizes.numpy().copy()
        for row, end in enumerate(ends.tolist()):
            sizes[row] = _read(
                array.followers, array.rows_of, array.offsets, self.start_token, self._known, self.weights,
                self._factor, tokens[row, :end].numpy(), chains[row], sizes[row], after[row].numpy(),
            )  # fmt: skip
        logprobs = state.logprobs
        if num_tokens:
            last = after[torch.arange(num_rows), (ends - 1).clamp(min=0)]
            logprobs = torch.where((ends > 0)[:, None], last, logprobs)
        return after, UnboundedState(logprobs, base, torch.from_numpy(chains), torch.from_numpy(sizes))

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        array = self._fitted()
        scores = self.base.token_logprobs(tokens, lengths)
        ends = [tokens.shape[1]] * len(tokens) if lengths is None else lengths.tolist()
        for row, end in enumerate(ends):
            chain, size = self._opening()
            _score(
                array.followers, array.rows_of, array.offsets, self.start_token, self._known, self.weights,
                self._factor, tokens[row, :end].numpy(), chain, size, scores[row].numpy(), self.vocab_size,
            )  # fmt: skip
        return scores

    def inner(self, tokens: Tensor) -> Inner:
        array, counts = self._fitted(), np.zeros(self.vocab_size, np.int64)
        text = [self.start_token, *tokens.tolist()]
        chain, size = self._opening()
        evidence = []
        for position, (token, below) in enumerate(zip(text[1:], self.base.inner(tokens).evidence, strict=True), 1):
            longer = []
            for begin, end, length in chain[:size][::-1].tolist():
                total, types = _look_up(array.followers, self._known, begin, end, counts)
                if length < BASE_ORDER or not total:
                    continue
                count = count_in_run(array.rows_of, array.offsets, begin, end, token)
                weight = float(self.weights[_bucket(length, total, types)])
                if self._factor >= 0:  # seen: its share is all; unseen: the rest is
                    weight = float(count > 0)
                passed_on = 1 - weight if self._factor < 0 or count else self._factor
                context = tuple(text[position - length : position])
                longer.append(Evidence(context, weight * count / total, passed_on, count, total))
            evidence.append((*longer, *below))
            size = extend(array.rows_of, array.offsets, self.start_token, chain, size, token)
        return Inner(evidence=tuple(evidence))

    def cost(self) -> Cost:
        """Parameters are those of the n-gram model below, the weights, and the text's tokens; rows are an index."""
        base = self.base.cost()
        return Cost(
            num_params=base.num_params + len(self.weights) + len(self._fitted().rows_of),
            model_bytes=sum(tensor.nbytes for tensor in self.tensors().values()),
            flops_per_token=0,
            state_bytes_at_context=base.state_bytes_at_context + 24 * MAX_CHAIN,
        )

    def tensors(self) -> dict[str, Tensor]:
        arrays = {"followers": self._fitted().followers, "weights": self.weights}
        return self.base.tensors() | {name: torch.from_numpy(array) for name, array in arrays.items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadWeights (models/checks.py) where the arrays are no model of these options."""
        self.base.load_tensors(tensors)
        weights = stored_array(tensors, "weights", torch.float64, (_NUM_BUCKETS,)).numpy()
        check_stored("weights", bool(((weights >= 0) & (weights <= 1)).all()), "weights must be 0 to 1")
        followers = stored_array(tensors, "followers", torch.int32, (None,)).numpy()
        in_vocabulary = bool(((followers >= -1) & (followers < self.vocab_size)).all())
        check_stored("followers", in_vocabulary, f"they must be -1 or token ids, 0 to {self.vocab_size - 1}")
        check_stored("followers", np.count_nonzero(followers == -1) == 1, "one must be -1, where the text ends")
        array = SuffixArray.from_followers(followers, self.vocab_size)
        check_stored("followers", array.is_of_a_text(), "no text has these")
        self.weights = weights
        self._set_array(array)


@numba.njit(cache=True, nogil=True)
def _look_up(followers: Indices, known: Known, begin: int, end: int, counts: Ints) -> tuple[int, int]:
    """How many tokens follow in a run, and how many different ones. counts: (V,) zeros, to work with."""
    num_rows = np.int64(len(followers) + 1)
    key = begin * num_rows + end
    if key in known:
        return known[key] // num_rows, known[key] % num_rows
    total, types = tally_run(followers, begin, end, counts)
    clear_run(followers, begin, end, counts)
    if end - begin > _LONG_RUN:
        known[key] = total * num_rows + types
    return total, types


@numba.njit(cache=True, nogil=True)
def _bucket(length: int, total: int, types: int) -> int:
    count = 0
    while total > 1 and count < _COUNTS - 1:
        total >>= 1
        count += 1
    return (min(length - BASE_ORDER, _LENGTHS - 1) * _COUNTS + count) * 2 + (types == 1)


@numba.njit(cache=True, nogil=True)
def _evidence(
    followers: Indices,
    rows_of: Indices,
    offsets: Ints,
    start_token: int,
    known: Known,
    text: Ints,
    chain: Ints,
    size: int,
    vocab_size: int,
) -> tuple[Floats, Ints]:
    """What each long context itself gives each token of a text, and its bucket, -1 where there is none: (T, C) each."""
    shares = np.zeros((len(text), MAX_CHAIN))
    buckets = np.full((len(text), MAX_CHAIN), -1, np.int64)
    counts = np.zeros(vocab_size, np.int64)
    for position in range(len(text)):
        for number in range(size):
            begin, end, length = chain[number, 0], chain[number, 1], chain[number, 2]
            if length >= BASE_ORDER:
                total, types = _look_up(followers, known, begin, end, counts)
                if total > 0:
                    shares[position, number] = count_in_run(rows_of, offsets, begin, end, text[position]) / total
                    buckets[position, number] = _bucket(length, total, types)
        size = extend(rows_of, offsets, start_token, chain, size, text[position])
    return shares, buckets


@numba.njit(cache=True, nogil=True)
def _combined(share: float, below: float, weight: float, factor: float) -> float:
    """A token's probability, from its share in one context and what the model below gives it. factor: below 0 where
    the two are mixed by `weight`; elsewhere what an unseen token's probability is multiplied by.
    """
    if factor < 0:
        return weight * share + (1 - weight) * below
    return share if share > 0 else factor * below


@numba.njit(cache=True, nogil=True)
def _score(
    followers: Indices,
    rows_of: Indices,
    offsets: Ints,
    start_token: int,
    known: Known,
    weights: Floats,
    factor: float,
    text: Ints,
    chain: Ints,
    size: int,
    logprobs: NDArray[np.float32],
    vocab_size: int,
) -> None:
    """Score a text: `logprobs` (T,) holds each token's score under the model below; this model's takes its place."""
    counts = np.zeros(vocab_size, np.int64)
    for position in range(len(text)):
        token = text[position]
        if chain[size - 1, 2] >= BASE_ORDER:
            probability = np.exp(np.float64(logprobs[position]))
            for number in range(size):
                begin, end, length = chain[number, 0], chain[number, 1], chain[number, 2]
                if length < BASE_ORDER:
                    continue
                total, types = _look_up(followers, known, begin, end, counts)
                if total > 0:
                    share = count_in_run(rows_of, offsets, begin, end, token) / total
                    probability = _combined(share, probability, weights[_bucket(length, total, types)], factor)
            logprobs[position] = np.log(probability)
        size = extend(rows_of, offsets, start_token, chain, size, token)


@numba.njit(cache=True, nogil=True)
def _read(
    followers: Indices,
    rows_of: Indices,
    offsets: Ints,
    start_token: int,
    known: Known,
    weights: Floats,
    factor: float,
    text: Ints,
    chain: Ints,
    size: int,
    logprobs: NDArray[np.float32],
) -> int:
    """Read a text: the chain moves on in place (its new size is returned), and the distributions (T, V) of the model
    below become this one's.
    """
    vocab_size = logprobs.shape[1]
    counts = np.zeros(vocab_size, np.int64)
    probabilities = np.empty(vocab_size)
    for position in range(len(text)):
        size = extend(rows_of, offsets, start_token, chain, size, text[position])
        if chain[size - 1, 2] < BASE_ORDER:
            continue
        for token in range(vocab_size):
            probabilities[token] = np.exp(np.float64(logprobs[position, token]))
        for number in range(size):
            begin, end, length = chain[number, 0], chain[number, 1], chain[number, 2]
            if length < BASE_ORDER:
                continue
            total, types = _look_up(followers, known, begin, end, counts)
            if total == 0:
                continue
            # Short runs are read; in long ones every token is counted by binary search.
            if end - begin <= 8 * vocab_size:
                tally_run(followers, begin, end, counts)
            else:
                for token in range(vocab_size):
                    counts[token] = count_in_run(rows_of, offsets, begin, end, token)
            weight = weights[_bucket(length, total, types)]
            for token in range(vocab_size):
                probabilities[token] = _combined(counts[token] / total, probabilities[token], weight, factor)
            counts[:] = 0
        for token in range(vocab_size):
            logprobs[position, token] = np.log(probabilities[token])
    return size
