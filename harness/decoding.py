"""Decoding strategies: from a distribution over the next token to one choice.

A strategy is a chain of pure transforms, applied in the order in which the configuration names them, then one chooser.
Transforms take normalised log-probabilities and give normalised log-probabilities: what they remove has -inf.
Randomness comes in as one uniform number a row, drawn from that row's own generator, so a sequence never depends on its
neighbours. Tests hold the transforms to transformers' logits warpers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


class Transform(ABC):
    """A frozen dataclass of settings that reshapes a distribution."""

    @abstractmethod
    def __call__(self, logprobs: Tensor) -> Tensor:
        """logprobs: (B, V) float32, normalised. Returns the same shape, normalised."""


class Chooser(ABC):
    """A frozen dataclass of settings that picks a token from a distribution."""

    @abstractmethod
    def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
        """logprobs: (B, V) float32, normalised; uniforms: (B,) float64 in [0, 1). Returns (B,) int64."""


@dataclass(frozen=True)
class DecodingStrategy:
    """Transforms in order, then a chooser."""

    chooser: Chooser
    """How a token is picked from what the transforms leave."""
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    """By name, applied in this order."""

    def distribution(self, logprobs: Tensor) -> Tensor:
        """(B, V) log-probabilities after every transform: the sampler's distribution."""
        for transform in self.transforms.values():
            logprobs = transform(logprobs)
        return logprobs


@dataclass(frozen=True)
class Greedy(Chooser):
    """The most probable token; of equals the one with the lowest id."""

    def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
        # torch.argmax promises no order among equals
        is_best = logprobs == logprobs.max(dim=-1, keepdim=True).values
        return is_best.int().cumsum(dim=-1).eq(0).sum(dim=-1)


@dataclass(frozen=True)
class Sample(Chooser):
    """A draw from the distribution, by its inverse cumulative function in float64."""

    def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
        cumulative = logprobs.double().exp().cumsum(dim=-1)
        # times the true total, so that rounding never leaves a gap at the top
        threshold = uniforms[:, None].to(cumulative) * cumulative[:, -1:]
        return torch.searchsorted(cumulative, threshold, right=True)[:, 0].clamp(max=logprobs.shape[-1] - 1)


@dataclass(frozen=True)
class Temperature(Transform):
    """Divide log-probabilities by a temperature (Ackley, Hinton & Sejnowski 1985): below 1 sharper, above 1 flatter."""

    temperature: float = 1.0
    """Above 0; 1 changes nothing."""

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(
                f"temperature={self.temperature} is not allowed: it must be above 0 (for the limit at 0, "
                "use decoding=greedy)"
            )

    def __call__(self, logprobs: Tensor) -> Tensor:
        return torch.log_softmax(logprobs / self.temperature, dim=-1)


@dataclass(frozen=True)
class TopK(Transform):
    """Keep the k most probable tokens (Fan, Lewis & Dauphin 2018); tokens as probable as the last of them stay too."""

    k: int = 40
    """1 or more; more than the vocabulary keeps all."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k={self.k} is not allowed: it must be 1 or more")

    def __call__(self, logprobs: Tensor) -> Tensor:
        kth = logprobs.topk(min(self.k, logprobs.shape[-1]), dim=-1).values[:, -1:]
        return _without(logprobs, logprobs < kth)


@dataclass(frozen=True)
class TopP(Transform):
    """Keep the smallest set of most probable tokens whose probabilities reach p: the nucleus (Holtzman et al. 2020)."""

    p: float = 0.9
    """Above 0, up to 1; 1 keeps all."""

    def __post_init__(self) -> None:
        if not 0 < self.p <= 1:
            raise ValueError(f"p={self.p} is not allowed: it must be above 0 and at most 1")

    def __call__(self, logprobs: Tensor) -> Tensor:
        if self.p == 1:
            return logprobs
        # stable and descending, so that of equals the lowest id is kept first, as Greedy has it
        ordered, order = logprobs.sort(dim=-1, descending=True, stable=True)
        probabilities = ordered.exp()
        mass_before = probabilities.cumsum(dim=-1) - probabilities
        removed = mass_before >= self.p
        removed[:, 0] = False
        return _without(logprobs, torch.zeros_like(removed).scatter(-1, order, removed))


def _without(logprobs: Tensor, removed: Tensor) -> Tensor:
    return torch.log_softmax(logprobs.masked_fill(removed, -torch.inf), dim=-1)
