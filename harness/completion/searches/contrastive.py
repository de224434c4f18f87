"""Contrastive search (Su et al. 2022): of the k most probable tokens, one that is probable and unlike what came before.

    score(v) = (1 - alpha) p(v) - alpha x the greatest similarity of the position after v to any position before

Su et al. compare hidden states. Here the similarity of two positions is the Bhattacharyya coefficient of their
next-token distributions, the cosine of the roots of the probabilities: so any family can be searched.

Shape legend: B rows, K candidates, T positions so far, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.common.lazy import LazyModule
from harness.completion.decoding.transform import Chooser
from harness.completion.engine import Engine, History, Search
from harness.completion.sequence import Completion, Prompt

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from models.language_model import State
else:
    torch = LazyModule("torch")


@dataclass(frozen=True)
class Contrastive(Search):
    """Contrastive search. The chooser is not used."""

    k: int = 4
    """Candidates; 1 or more."""
    alpha: float = 0.6
    """The weight of the similarity penalty against probability; 0 to 1."""

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 <= self.alpha <= 1:
            raise ValueError(f"k={self.k} must be 1 or more, and alpha={self.alpha} from 0 to 1")

    def draws(self, chooser: Chooser) -> bool:
        return False

    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        done = []
        for prompt, tokens in zip(prompts, engine.encode(prompts), strict=True):
            done.append(self._search(engine, prompt, tokens))
            on_done(1)
        return done

    def _search(self, engine: Engine, prompt: Prompt, tokens: np.ndarray) -> Completion:
        writing = engine.open(prompt, tokens)
        state, before = self._read(engine, tokens)  # before: (T, V), roots of probabilities
        sampler, history = engine.strategy.sampler(1), History(engine, [tokens])
        while writing.finish_reason is None:
            logprobs = state.logprobs
            distribution = sampler.distribution(logprobs, history.rows)
            top = distribution[0].sort(descending=True, stable=True)
            is_possible = top.values[: self.k] > -torch.inf
            candidates = top.indices[: self.k][is_possible]
            _, states = engine.model.read(state.select([0] * len(candidates)), candidates[:, None])
            after = _roots(states.logprobs)  # (K, V)
            similarity = (after @ before.T).max(dim=1).values
            scores = (1 - self.alpha) * top.values[: self.k][is_possible].exp() - self.alpha * similarity
            best = int(scores.sort(descending=True, stable=True).indices[0])
            token = candidates[best : best + 1]
            writing.add(int(token), float(logprobs[0, token]), float(distribution[0, token]))
            sampler.remember(token, history.rows)
            history.add(token)
            state = states.select([best])
            before = torch.cat([before, after[best : best + 1]])
        return writing.completion()

    def _read(self, engine: Engine, tokens: np.ndarray) -> tuple[State, Tensor]:
        state = engine.model.start(1)
        roots = [_roots(state.logprobs)]
        if len(tokens):
            logprobs, state = engine.model.read(state, torch.from_numpy(tokens)[None])
            roots.append(_roots(logprobs[0]))
        return state, torch.cat(roots)


def _roots(logprobs: Tensor) -> Tensor:
    return (logprobs / 2).exp()
