"""Top-a sampling (the KoboldAI project, 2022): keep what is probable beside the square of the highest probability."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.completion import PlainTransform, without


@dataclass(frozen=True)
class TopA(PlainTransform):
    """Removes what is less probable than a x (the highest probability) squared."""

    a: float = 0.2
    """0 to 1; 0 keeps all."""

    def reshape(self, logprobs: Tensor) -> Tensor:
        probabilities = logprobs.exp()
        return without(logprobs, probabilities < self.a * probabilities.max(dim=-1, keepdim=True).values ** 2)
