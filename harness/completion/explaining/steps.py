"""Each step of one completion, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.completion.engine import Engine
from harness.completion.sequence import Completion, Prompt


@dataclass(frozen=True)
class Candidate:
    """A token that might have been next."""

    token: int
    text: str
    """Its text; a name in angle brackets where it has none."""
    expected: float
    """Its probability under the model."""
    left: tuple[float, ...]
    """Its probability after each transform, in order; 0 where it was removed."""
    is_chosen: bool


@dataclass(frozen=True)
class Stage:
    """What one transform did to the whole vocabulary."""

    name: str
    num_removed: int
    """Tokens with a probability above 0 before it and 0 after."""
    mass_removed: float
    """The total probability of those tokens before it."""


@dataclass(frozen=True)
class ExplainedStep:
    """One token of a completion."""

    candidates: tuple[Candidate, ...]
    """The most probable tokens under the model, the most probable first; and the chosen one, whatever its rank."""
    num_others: int
    """Tokens that are not listed."""
    others_expected: float
    """Their total probability under the model."""
    stages: tuple[Stage, ...]
    rank: int
    """The chosen token's rank by the model's probabilities: 1 for the most probable."""
    surprise_bits: float
    """The chosen token's surprise under the model."""

    @property
    def chosen(self) -> Candidate:
        return next(candidate for candidate in self.candidates if candidate.is_chosen)


@dataclass(frozen=True)
class Explanation:
    """A completion and its steps."""

    prompt: str
    completion: Completion
    steps: tuple[ExplainedStep, ...]


def explain(engine: Engine, prompt: Prompt, num_candidates: int = 8) -> Explanation:
    """Complete a prompt and keep the `num_candidates` (1 or more) most probable tokens of every step.

    UserError where the strategy doesn't write one token after another.
    """
    [tokens] = engine.encode([prompt])
    writing = engine.open(prompt, tokens)
    names = list(engine.strategy.transforms)
    steps = []
    for step in engine.strategy.search.steps(engine, writing, tokens):
        stages = [stage[0].cpu() for stage in step.stages]
        steps.append(_explained(engine, step.expected[0].cpu(), names, stages, int(step.chosen[0]), num_candidates))
    return Explanation(prompt.text, writing.completion(), tuple(steps))


def _explained(
    engine: Engine, expected: Tensor, names: Sequence[str], stages: Sequence[Tensor], chosen: int, num_candidates: int
) -> ExplainedStep:
    """expected, stages: (V,) log-probabilities."""
    order = expected.sort(descending=True, stable=True).indices
    rank = 1 + int((order == chosen).nonzero())
    listed = order[:num_candidates].tolist()
    if chosen not in listed:
        listed.append(chosen)
    probabilities = expected.double().exp()
    return ExplainedStep(
        candidates=tuple(
            Candidate(
                token,
                engine.tokenizer.token_text(token),
                float(probabilities[token]),
                tuple(float(stage[token].double().exp()) for stage in stages),
                token == chosen,
            )
            for token in listed
        ),
        num_others=len(expected) - len(listed),
        others_expected=max(0.0, 1 - float(probabilities[listed].sum())),
        stages=tuple(
            _stage(name, before, after) for name, before, after in zip(names, [expected, *stages], stages, strict=False)
        ),
        rank=rank,
        surprise_bits=-float(expected[chosen]) / float(torch.log(torch.tensor(2.0))),
    )


def _stage(name: str, before: Tensor, after: Tensor) -> Stage:
    removed = (after == -torch.inf) & (before > -torch.inf)
    return Stage(name, int(removed.sum()), float(before[removed].double().exp().sum()))
