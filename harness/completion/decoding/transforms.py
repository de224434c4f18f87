"""Transforms of one distribution, independent of the tokens before.

Each equals transformers' logits warper of that name on normalised log-probabilities
(tests/harness/completion/decoding). Two differences are intended: of equally probable tokens at its edge top_p keeps
those with the lowest ids, where transformers' depends on the sorting; and no transform removes every token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.common.lazy import LazyModule
from harness.completion.decoding.transform import Rows, Transform
from harness.scoring.answers import BITS_PER_NAT

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


class PlainTransform(Transform):
    """A transform that needs only the distribution."""

    def reshape(self, logprobs: Tensor) -> Tensor:
        """(B, V) float32, normalised, to the same shape, normalised."""
        raise NotImplementedError

    def __call__(self, logprobs: Tensor, rows: Rows | None = None, memory: Tensor | None = None) -> Tensor:
        return self.reshape(logprobs)


@dataclass(frozen=True)
class Temperature(PlainTransform):
    """Divide log-probabilities by a temperature (Ackley, Hinton & Sejnowski 1985): below 1 sharper, above 1 flatter."""

    temperature: float = 1.0
    """Above 0; 1 changes nothing."""

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(
                f"temperature={self.temperature} is not allowed: it must be above 0 (for the limit at 0, "
                "use decoding=greedy)"
            )

    def reshape(self, logprobs: Tensor) -> Tensor:
        # from the highest down: near 0 the quotients of all others overflow to -inf, not to NaN
        highest = logprobs.max(dim=-1, keepdim=True).values
        return torch.log_softmax((logprobs - highest) / self.temperature, dim=-1)


@dataclass(frozen=True)
class TopK(PlainTransform):
    """Keep the k most probable tokens (Fan, Lewis & Dauphin 2018); tokens as probable as the last are kept too."""

    k: int = 40
    """1 or more; more than the vocabulary keeps all."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k={self.k} is not allowed: it must be 1 or more")

    def reshape(self, logprobs: Tensor) -> Tensor:
        kth = logprobs.topk(min(self.k, logprobs.shape[-1]), dim=-1).values[:, -1:]
        return without(logprobs, logprobs < kth)


@dataclass(frozen=True)
class TopP(PlainTransform):
    """Keep the smallest set of most probable tokens whose probabilities reach p: the nucleus (Holtzman et al. 2020)."""

    p: float = 0.9
    """Above 0, up to 1; 1 keeps all."""

    def __post_init__(self) -> None:
        if not 0 < self.p <= 1:
            raise ValueError(f"p={self.p} is not allowed: it must be above 0 and at most 1")

    def reshape(self, logprobs: Tensor) -> Tensor:
        if self.p == 1:
            return logprobs
        # stable and descending, so that of equally probable ones the lowest id is kept first, as in Greedy
        ordered, order = logprobs.sort(dim=-1, descending=True, stable=True)
        probabilities = ordered.exp()
        mass_before = probabilities.cumsum(dim=-1) - probabilities
        removed = mass_before >= self.p
        removed[:, 0] = False
        return without(logprobs, torch.zeros_like(removed).scatter(-1, order, removed))


@dataclass(frozen=True)
class MinP(PlainTransform):
    """Keep tokens at least min_p times as probable as the most probable token (Nguyen et al. 2024)."""

    min_p: float = 0.05
    """0 to 1; 0 keeps all."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p={self.min_p} is not allowed: it must be from 0 to 1")

    def reshape(self, logprobs: Tensor) -> Tensor:
        probabilities = logprobs.exp()
        return without(logprobs, probabilities < self.min_p * probabilities.max(dim=-1, keepdim=True).values)


@dataclass(frozen=True)
class Typical(PlainTransform):
    """Keep tokens whose surprise is near the entropy of the distribution (Meister et al. 2023).

    The nearest are kept first, until their probabilities reach the mass; tokens as near as the last one are kept too.
    """

    mass: float = 0.9
    """Above 0, below 1."""

    def __post_init__(self) -> None:
        if not 0 < self.mass < 1:
            raise ValueError(f"mass={self.mass} is not allowed: it must be above 0 and below 1")

    def reshape(self, logprobs: Tensor) -> Tensor:
        distance = (-logprobs - entropy(logprobs)).abs()
        ordered, order = distance.sort(dim=-1, stable=True)
        reached = logprobs.gather(-1, order).exp().cumsum(dim=-1)
        last = (reached < self.mass).sum(dim=-1, keepdim=True).clamp(max=logprobs.shape[-1] - 1)
        return without(logprobs, distance > ordered.gather(-1, last))


@dataclass(frozen=True)
class Eta(PlainTransform):
    """Keep tokens more probable than a threshold that falls with the entropy (Hewitt, Manning & Liang 2022).

    The threshold is the smaller of epsilon and sqrt(epsilon) exp(-entropy); the most probable token always stays.
    """

    epsilon: float = 3e-4
    """Above 0, below 1."""

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < 1:
            raise ValueError(f"epsilon={self.epsilon} is not allowed: it must be above 0 and below 1")

    def reshape(self, logprobs: Tensor) -> Tensor:
        threshold = (self.epsilon**0.5 * (-entropy(logprobs)).exp()).clamp(max=self.epsilon)
        highest = logprobs.max(dim=-1, keepdim=True).values
        return without(logprobs, (logprobs.exp() < threshold) & (logprobs < highest))


@dataclass(frozen=True)
class Mirostat(Transform):
    """Hold the surprise of the picked tokens near a target (Basu et al. 2021, version 2 of their algorithm).

    Keeps tokens whose surprise, in bits, is at most mu, or the most probable one; mu begins at twice the target and
    moves by the learning rate against each pick's error.
    """

    target_bits: float = 3.0
    """The target surprise, in bits per token; above 0."""
    learning_rate: float = 0.1
    """Above 0."""

    def __post_init__(self) -> None:
        if not (self.target_bits > 0 and self.learning_rate > 0):
            raise ValueError(
                f"target_bits={self.target_bits} and learning_rate={self.learning_rate} must both be above 0"
            )

    def start(self, num_rows: int) -> Tensor:
        return torch.full((num_rows,), 2 * self.target_bits, dtype=torch.float64)

    def __call__(self, logprobs: Tensor, rows: Rows | None, memory: Tensor | None) -> Tensor:
        assert memory is not None
        surprise = -logprobs * BITS_PER_NAT
        most = memory[:, None].to(surprise)
        highest = logprobs.max(dim=-1, keepdim=True).values
        return without(logprobs, (surprise > most) & (logprobs < highest))

    def remember(self, memory: Tensor, chosen: Tensor, logprobs: Tensor, rows: Rows | None) -> Tensor:
        picked = logprobs.gather(-1, chosen[:, None])[:, 0].cpu().double()
        return memory - self.learning_rate * (-picked * BITS_PER_NAT - self.target_bits)


def entropy(logprobs: Tensor) -> Tensor:
    """(B, V) to (B, 1), in nats; tokens of probability 0 add nothing."""
    return -torch.where(logprobs > -torch.inf, logprobs.exp() * logprobs, 0.0).sum(dim=-1, keepdim=True)


def without(logprobs: Tensor, removed: Tensor) -> Tensor:
    """The distribution without some tokens, normalised; a row that would lose every token keeps them all."""
    left = logprobs.masked_fill(removed, -torch.inf)
    lost = left.max(dim=-1, keepdim=True).values == -torch.inf
    return torch.log_softmax(torch.where(lost, logprobs, left), dim=-1)
