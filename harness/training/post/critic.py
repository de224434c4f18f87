"""The critic of a policy gradient: it expects, at each token of a reply, how much the reply still gets.

It is a linear function of the policy's features, which it doesn't change, and begins at the mean of the first replies
(its weights at 0, as in Ziegler et al. 2019).

Shape legend: B replies, T tokens, F features of a place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.training.post import losses
from harness.training.post.policy_gradient import CriticOptions


class Critic:
    """Learns by Adam, apart from the policy."""

    def __init__(self, options: CriticOptions, num_features: int, device: torch.device) -> None:
        self.options = options
        self.weight = torch.zeros(num_features, device=device, requires_grad=True)
        self.bias = torch.zeros((), device=device, requires_grad=True)
        self._optimizer = torch.optim.Adam([self.weight, self.bias], options.learning_rate, eps=1e-5)

    def expected(self, features: Tensor) -> Tensor:
        """(B, T) of (B, T, F)."""
        return features @ self.weight + self.bias

    @property
    def has_begun(self) -> bool:
        return bool(self._optimizer.state)

    def begin(self, mean: float) -> None:
        """Expect the same everywhere."""
        with torch.no_grad():
            self.bias.fill_(mean)

    @torch.enable_grad()
    def learn(self, features: Tensor, returns: Tensor, mask: Tensor, epochs: int) -> None:
        """Expect these returns (B, T), as often as `epochs` says."""
        before = self.expected(features).detach()
        for _ in range(epochs):
            self._optimizer.zero_grad()
            loss = losses.value(self.expected(features), before, returns, mask, self.options.clip)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()

    def tensors(self) -> dict[str, Tensor]:
        """All that the next step needs, by name."""
        optimizer = {
            f"{index}.{name}": value
            for index, values in self._optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        return {"weight": self.weight.detach(), "bias": self.bias.detach(), **optimizer}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Continue from what `tensors` gave."""
        with torch.no_grad():
            self.weight.copy_(tensors["weight"])
            self.bias.copy_(tensors["bias"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            index, dot, name = key.partition(".")
            if dot:
                state.setdefault(int(index), {})[name] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
