"""Beam search: several sequences side by side, the best by the sum of their log-probabilities.

As in transformers: num_beams, length_penalty and early_stopping mean the same, and a test holds that the results are
equal. Each step has 2 K candidates. Those among the first K that end are finished; of those that don't end, the best K
are continued. Diverse beams are Vijayakumar et al. (2018): groups of beams, each of which is penalised for picking
what earlier groups just picked.

Shape legend: K beams of a group, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.common.lazy import LazyModule
from harness.common.options import check_least, check_most
from harness.completion.decoding.transform import Chooser
from harness.completion.engine import Engine, History, Search
from harness.completion.sequence import Completion, Prompt, Writing

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from models.language_model import State
else:
    torch = LazyModule("torch")


@dataclass(frozen=True)
class Beam(Search):
    """Beam search, plain or in groups. The chooser is not used."""

    num_beams: int = 4
    """1 to 10,000, a multiple of num_groups."""
    length_penalty: float = 1.0
    """A sequence of n tokens scores its log-probability divided by n to this power: 0 favours short ones, 1 neither."""
    early_stopping: bool | Literal["never"] = False
    """When to stop: true, once as many sequences as beams have ended; false, when the best unfinished one would score
    lower if it ended now; never, when no unfinished one can reach a better score."""
    num_groups: int = 1
    """Groups of beams; 1 or more."""
    diversity_penalty: float = 0.0
    """What a token loses, in nats, for each beam of an earlier group that just picked it; 0 or more."""

    def __post_init__(self) -> None:
        if self.num_groups < 1 or self.num_beams < 1 or self.num_beams % self.num_groups:
            raise ValueError(
                f"num_beams={self.num_beams} must be a multiple of num_groups={self.num_groups}, and both 1 or more"
            )
        check_most(self, num_beams=10_000)
        check_least(self, diversity_penalty=0)

    def draws(self, chooser: Chooser) -> bool:
        return False

    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        encoded = engine.encode(prompts)
        done: dict[int, Completion] = {}
        reader = engine.reader(encoded)
        for batch in reader.batches(max(1, engine.batch_size // self.num_beams)):
            texts = [encoded[index] for index in batch]
            pools = self.search(engine, [prompts[index] for index in batch], texts, reader.read(batch))
            done.update((index, pool.best()) for index, pool in zip(batch, pools, strict=True))
            on_done(len(batch))
        return [done[index] for index in range(len(prompts))]

    def search(
        self, engine: Engine, prompts: Sequence[Prompt], encoded: Sequence[np.ndarray], state: State
    ) -> list[Pool]:
        """All beams of each prompt, extended side by side to their ends; `state` has read the prompts."""
        pools = [Pool(self, engine.open(prompt, tokens)) for prompt, tokens in zip(prompts, encoded, strict=True)]
        sampler, history = engine.strategy.sampler(len(prompts)), History(engine, encoded)
        while True:
            live = [pool for pool in pools if pool.running]
            if not live:
                return pools
            logprobs = state.logprobs
            distribution = sampler.distribution(logprobs, history.rows)
            row, rows, tokens = 0, [], []
            for pool in live:
                size = len(pool.running)
                came_from = pool.step(logprobs[row : row + size].cpu(), distribution[row : row + size].cpu())
                rows += [row + beam for beam in came_from]
                tokens += [beam.writing.tokens[-1] for beam in pool.running]
                row += size
            if not rows:
                continue
            chosen = torch.tensor(tokens, device=logprobs.device)
            state = state.select(rows)
            sampler.select(rows)
            history.select(rows)
            sampler.remember(chosen, history.rows)
            history.add(chosen)
            _, state = engine.model.read(state, chosen[:, None])


@dataclass
class _Beam:
    """A sequence that is still being written."""

    writing: Writing
    score: float
    """Sum of log-probabilities under the strategy's transforms."""
    group: int


@dataclass
class _Group:
    finished: list[tuple[float, Writing]] = field(default_factory=list)
    """(score with its length penalty, sequence), the best first; at most K."""
    is_done: bool = False


class Pool:
    """The beams of one prompt."""

    def __init__(self, search: Beam, opening: Writing) -> None:
        self.search = search
        self.size = search.num_beams // search.num_groups
        self.groups = [_Group() for _ in range(search.num_groups)]
        self.opening = opening
        self.running = [_Beam(opening, 0.0, group=0)] if opening.finish_reason is None else []
        self._opened = False

    def step(self, logprobs: Tensor, distribution: Tensor) -> list[int]:
        """Extend every running beam. logprobs, distribution: (beams, V). Returns which beam each new one came from."""
        search = self.search
        picked = torch.zeros(distribution.shape[1])
        running: list[_Beam] = []
        came_from: list[int] = []
        for number, group in enumerate(self.groups):
            # At the beginning there is one beam, which all groups extend.
            members = [index for index, beam in enumerate(self.running) if not self._opened or beam.group == number]
            if group.is_done or not members:
                continue
            scores = torch.tensor([self.running[index].score for index in members])
            totals = scores[:, None] + distribution[members] - search.diversity_penalty * picked
            candidates = self._extend(members, totals.flatten(), distribution, logprobs, number)
            continued = [(index, beam) for index, beam in candidates if beam.writing.finish_reason is None][: self.size]
            self._finish(group, [beam for _, beam in candidates[: self.size]])
            if not self._can_improve(group, [beam for _, beam in continued]):
                group.is_done = True
                continue
            for index, beam in continued:
                running.append(beam)
                came_from.append(index)
                picked[beam.writing.tokens[-1]] += 1
        self.running, self._opened = running, True
        return came_from

    def _extend(
        self, members: list[int], totals: Tensor, distribution: Tensor, logprobs: Tensor, group: int
    ) -> list[tuple[int, _Beam]]:
        """The best 2 K continuations, as (the beam it came from, the new one), the best first; ties by lowest id."""
        vocab_size = distribution.shape[1]
        best = totals.sort(descending=True, stable=True)
        extended = []
        for total, flat_index in zip(
            best.values[: 2 * self.size].tolist(), best.indices[: 2 * self.size].tolist(), strict=True
        ):
            if total == -torch.inf:
                break
            index, token = members[flat_index // vocab_size], flat_index % vocab_size
            writing = self.running[index].writing.fork()
            writing.add(token, float(logprobs[index, token]), float(distribution[index, token]))
            extended.append((index, _Beam(writing, total, group)))
        return extended

    def _finish(self, group: _Group, candidates: list[_Beam]) -> None:
        if self.search.early_stopping is True and len(group.finished) == self.size:
            return
        for beam in candidates:
            if beam.writing.finish_reason is not None:
                score = beam.score / len(beam.writing.tokens) ** self.search.length_penalty
                group.finished.append((score, beam.writing))
        group.finished.sort(key=lambda finished: -finished[0])
        del group.finished[self.size :]

    def _can_improve(self, group: _Group, running: list[_Beam]) -> bool:
        if not running:
            return False
        if len(group.finished) < self.size:
            return True
        if self.search.early_stopping is True:
            return False
        length = len(running[0].writing.tokens)
        if self.search.early_stopping == "never" and self.search.length_penalty > 0:
            length = running[0].writing.prompt.max_new_tokens
        best: float = running[0].score / length**self.search.length_penalty
        return best > group.finished[-1][0]

    def best(self) -> Completion:
        """The best finished sequence of all groups; the empty one where no token was asked for."""
        finished = [scored for group in self.groups for scored in group.finished]
        return (max(finished, key=lambda scored: scored[0])[1] if finished else self.opening).completion()
