"""A model with a cache of its document's last tokens: a word that was used is likely to be used again.

After Grave, Joulin and Usunier (2017), "Improving neural language models with a continuous cache": each of the last
`size` tokens votes for itself, the more strongly the more its past was like the present,

    p_cache(w | h) is proportional to the sum over remembered places i with token w of exp(sharpness x match_i)
    p(w | h) = (1 - weight) p_base(w | h) + weight p_cache(w | h)

They compare hidden states by their product. Here a match is the number of last tokens, up to `longest_match`, that
the past of place i and the present have in common, so any family can have a cache; with a sharpness of 0 it is the
recent past's counts (Kuhn and De Mori 1990). The weight depends on the longest match in the cache: where nothing
matches well, the cache has little weight. Held-out text chooses the weights (by expectation maximisation) and the
sharpness (of a few values). A document begins with an empty cache, which has no weight.

Shape legend: B rows, T tokens, V vocabulary size, S size of the cache, L longest match.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.checks import Impossible, check_stored, stored_array
from models.combined import CombinedModel
from models.language_model import Cost, LanguageModel, State
from models.settings.recency_cache import CacheConfig

SHARPNESSES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""The candidates for the sharpness."""
_ROUNDS = 50

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CacheState(State):
    """logprobs (B, V), the base model's own state, and the cache.

    tokens (B, S): what is remembered, the newest last, -1 where there is nothing yet; matches (B, S): how many tokens
    the past of each has in common with the present.
    """

    logprobs: Tensor
    base: State
    tokens: Tensor
    matches: Tensor

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.logprobs[index], self.base.select(index), self.tokens[index], self.matches[index])


class Cache(CombinedModel):
    """Stored: the sharpness, and a weight for each length of the longest match."""

    config: CacheConfig

    def __init__(self, config: CacheConfig, members: Mapping[str, LanguageModel]) -> None:
        super().__init__(config, members)
        [self.base] = self.members.values()
        self.sharpness = torch.zeros(1, dtype=torch.float64)
        self.weights = torch.full((config.longest_match + 1,), 0.05, dtype=torch.float64)

    @property
    def context_length(self) -> int | None:
        length = self.base.context_length
        return None if length is None else max(length, self.config.size + self.config.longest_match)

    def num_context_tokens(self, num_tokens: int) -> Tensor:
        remembered = torch.arange(1, num_tokens + 1).clamp(max=self.config.size + self.config.longest_match)
        return torch.maximum(self.base.num_context_tokens(num_tokens), remembered)

    def start(self, num_rows: int = 1) -> CacheState:
        base = self.base.start(num_rows)
        tokens = torch.full((num_rows, self.config.size), -1)
        return CacheState(base.logprobs.cpu().clone(), base, tokens, torch.zeros_like(tokens))

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, CacheState)
        num_rows, num_tokens = tokens.shape
        after, base = self.base.read(state.base, tokens, lengths)
        ends = torch.full((num_rows,), num_tokens) if lengths is None else lengths
        mixed = after.cpu().clone().numpy()
        cached, matches = state.tokens.numpy().copy(), state.matches.numpy().copy()
        for row, end in enumerate(ends.tolist()):
            _mix(
                tokens[row, :end].numpy(), self.start_token, cached[row], matches[row],
                self._strengths(float(self.sharpness)), self.weights.numpy(), mixed[row],
            )  # fmt: skip
        all_after = torch.from_numpy(mixed)
        logprobs = state.logprobs
        if num_tokens:
            last = all_after[torch.arange(num_rows), (ends - 1).clamp(min=0)]
            logprobs = torch.where((ends > 0)[:, None], last, logprobs)
        return all_after, CacheState(logprobs, base, torch.from_numpy(cached), torch.from_numpy(matches))

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        base = self.base.token_logprobs(tokens, lengths).cpu().double()
        shares, matches = self._votes(tokens, float(self.sharpness))
        # An empty cache has no weight.
        weights = torch.where(matches >= 0, self.weights[matches.clamp(min=0)], 0.0)
        return torch.logaddexp((1 - weights).log() + base, weights.log() + shares.log()).float()

    def _strengths(self, sharpness: float) -> Floats:
        """(L + 1,): how strong the vote of a place with each match is."""
        strengths: Floats = np.exp(sharpness * np.arange(self.config.longest_match + 1))
        return strengths

    def _votes(self, tokens: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
        """What the cache gives each token of each row (B, T) float64, and its longest match then; -1: it is empty."""
        shares, matches = np.zeros(tokens.shape), np.zeros(tokens.shape, np.int64)
        for row, text in enumerate(tokens.numpy()):
            _score(text, self.start_token, self.config.size, self._strengths(sharpness), shares[row], matches[row])
        return torch.from_numpy(shares), torch.from_numpy(matches)

    def tune(self, held_out: Sequence[Tensor]) -> None:
        self.check_members()
        documents = [document[None] for document in held_out if len(document)]
        if not documents:
            raise Impossible(
                "model=cache needs validation text to choose its weights, but there is none. Use data with a "
                "validation split."
            )
        base = torch.cat([self.base.token_logprobs(document)[0].cpu().double().exp() for document in documents])
        candidates = []
        for sharpness in SHARPNESSES if self.config.longest_match else SHARPNESSES[:1]:
            votes = [self._votes(document, sharpness) for document in documents]
            shares, matches = (torch.cat([part[0] for part in parts]) for parts in zip(*votes, strict=True))
            # A token that neither gives a probability is impossible under every weight and sharpness.
            possible = base + shares > 0
            base_shares, shares, matches = base[possible], shares[possible], matches[possible]
            weights = _expectation_maximisation(base_shares, shares, matches, self.config.longest_match)
            cache_weights = torch.where(matches >= 0, weights[matches.clamp(min=0)], 0.0)
            loglikelihood = ((1 - cache_weights) * base_shares + cache_weights * shares).log().sum()
            candidates.append((float(loglikelihood), sharpness, weights))
        _, sharpness, self.weights = max(candidates, key=lambda candidate: candidate[0])
        self.sharpness = torch.tensor([sharpness], dtype=torch.float64)

    def own_tensors(self) -> dict[str, Tensor]:
        return {"sharpness": self.sharpness, "weights": self.weights}

    def load_own_tensors(self, tensors: dict[str, Tensor]) -> None:
        sharpness = stored_array(tensors, "sharpness", torch.float64, (1,))
        check_stored("sharpness", 0 <= float(sharpness) <= max(SHARPNESSES), f"it must be 0 to {max(SHARPNESSES)}")
        weights = stored_array(tensors, "weights", torch.float64, (self.config.longest_match + 1,))
        check_stored("weights", bool(((weights >= 0) & (weights <= 1)).all()), "weights must be 0 to 1")
        self.sharpness, self.weights = sharpness, weights

    def cost(self) -> Cost:
        cost = super().cost()
        return replace(cost, state_bytes_at_context=cost.state_bytes_at_context + 16 * self.config.size)


def _expectation_maximisation(base: Tensor, shares: Tensor, matches: Tensor, longest_match: int) -> Tensor:
    """A weight for each longest match (L + 1,), from what base and cache gave held-out tokens, (N,) each; to every
    token at least one of them gave a probability.

    Two pseudo-observations, one for and one against, define weights that the text has no evidence about.
    """
    used = matches >= 0
    base, shares, matches = base[used], shares[used], matches[used]
    counts = torch.bincount(matches, minlength=longest_match + 1).double()
    weights = torch.full((longest_match + 1,), 0.05, dtype=torch.float64)
    for _ in range(_ROUNDS):
        cache_weights = weights[matches]
        posterior = cache_weights * shares / ((1 - cache_weights) * base + cache_weights * shares)
        weights = (torch.bincount(matches, posterior, longest_match + 1) + 1) / (counts + 2)
    return weights


@numba.njit(cache=True, nogil=True)
def _remember(token: int, start_token: int, tokens: Indices, matches: Indices, longest: int) -> None:
    """Read a token into a cache, in place. The past of position j ends with the token at j - 1, so when that is the new
    token, its match grows by one as the positions move up.
    """
    if token == start_token:
        tokens[:] = -1
        matches[:] = 0
        return
    for j in range(len(tokens)):
        matches[j] = min(matches[j] + 1, longest) if tokens[j] == token else 0
    tokens[:-1] = tokens[1:]
    tokens[-1] = token


@numba.njit(cache=True, nogil=True)
def _score(
    text: Indices, start_token: int, size: int, strengths: Floats, shares: Floats, longest_matches: Indices
) -> None:
    """Fill in, for each token of a text, the share of the votes that it gets, and the longest match (-1: no votes)."""
    tokens, matches = np.full(size, -1), np.zeros(size, np.int64)
    for position in range(len(text)):
        token_votes, all_votes, longest = 0.0, 0.0, -1
        for j in range(size):
            if tokens[j] >= 0:
                vote = strengths[matches[j]]
                all_votes += vote
                longest = max(longest, matches[j])
                if tokens[j] == text[position]:
                    token_votes += vote
        shares[position] = token_votes / all_votes if longest >= 0 else 0.0
        longest_matches[position] = longest
        _remember(text[position], start_token, tokens, matches, len(strengths) - 1)


@numba.njit(cache=True, nogil=True)
def _mix(
    text: Indices,
    start_token: int,
    tokens: Indices,
    matches: Indices,
    strengths: Floats,
    weights: Floats,
    logprobs: NDArray[np.float32],
) -> None:
    """Read a text into a cache, in place; mix its votes into the base model's distribution after each token (T, V)."""
    votes = np.zeros(logprobs.shape[1])
    for position in range(len(text)):
        _remember(text[position], start_token, tokens, matches, len(strengths) - 1)
        votes[:] = 0.0
        all_votes, longest = 0.0, -1
        for j in range(len(tokens)):
            if tokens[j] >= 0:
                vote = strengths[matches[j]]
                votes[tokens[j]] += vote
                all_votes += vote
                longest = max(longest, matches[j])
        if longest >= 0:
            weight = weights[longest]
            for token in range(len(votes)):
                mixed = (1 - weight) * np.exp(np.float64(logprobs[position, token])) + weight * votes[token] / all_votes
                logprobs[position, token] = np.log(mixed)
