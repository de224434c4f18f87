"""Choosers: pick one token from the transformed distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.common.lazy import LazyModule
from harness.completion.decoding.transform import Chooser
from harness.scoring.likelihood import most_probable

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@dataclass(frozen=True)
class Greedy(Chooser):
    """The most probable token."""

    ties: Literal["lowest", "random"] = "lowest"
    """Of equally probable tokens: the one with the lowest id, or one drawn with the sequence's seed."""

    @property
    def draws(self) -> bool:
        return self.ties == "random"

    def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
        if self.ties == "lowest":
            return most_probable(logprobs)
        is_best = logprobs == logprobs.max(dim=-1, keepdim=True).values
        rank = (uniforms * is_best.sum(dim=-1).cpu()).long()
        return (is_best.cumsum(dim=-1) <= rank[:, None].to(is_best.device)).sum(dim=-1)

    def odds(self, logprobs: Tensor) -> Tensor:
        if self.ties == "lowest":
            best = most_probable(logprobs)[:, None].to(logprobs.device)
            return torch.zeros_like(logprobs).scatter(1, best, 1.0)
        is_best = logprobs == logprobs.max(dim=-1, keepdim=True).values
        return is_best / is_best.sum(dim=-1, keepdim=True)


@dataclass(frozen=True)
class Draw(Chooser):
    """A draw from the distribution, by its inverse cumulative distribution function in float64."""

    def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
        cumulative = logprobs.double().exp().cumsum(dim=-1)
        # times the true total, so that rounding never leaves a gap at the top
        threshold = uniforms[:, None].to(cumulative) * cumulative[:, -1:]
        return torch.searchsorted(cumulative, threshold, right=True)[:, 0].clamp(max=logprobs.shape[-1] - 1)

    def odds(self, logprobs: Tensor) -> Tensor:
        return logprobs.exp()
