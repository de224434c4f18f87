"""A log-linear mixture: p(w | h) is proportional to the product over members m of p_m(w | h) to the power a_m.

A linear mixture lets each member add probability; here each member can veto (Klakow 1998, "Log-linear
interpolation of language models"; Hinton 2002, products of experts). The exponents minimise
the loss on held-out text, which is convex in them; L-BFGS finds the minimum.

Shape legend: M members, B rows, T tokens, N held-out tokens, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.checks import Impossible, check_stored, stored_array
from models.combined import PointwiseCombination
from models.language_model import LanguageModel
from models.settings.product import ProductConfig


class Product(PointwiseCombination):
    """Stored: the members' exponents, any numbers."""

    def __init__(self, config: ProductConfig, members: Mapping[str, LanguageModel]) -> None:
        super().__init__(config, members)
        self.exponents = torch.full((len(members),), 1 / len(members), dtype=torch.float64)

    def combine(self, logprobs: Tensor) -> Tensor:
        return torch.log_softmax(_weighted(logprobs, self.exponents), dim=-1)

    def tune(self, held_out: Sequence[Tensor]) -> None:
        """By as much of the held-out text as memory allows (`held_out_distributions`)."""
        self.check_members()
        evidence = list(self.held_out_distributions(held_out))
        if not evidence:
            raise Impossible(
                "model=product needs validation text to choose its exponents, but there is none. Use data with a "
                "validation split."
            )
        for logprobs, _ in evidence:
            if not torch.isfinite(logprobs).all():
                raise Impossible(
                    "model=product: a member gives some token no probability, so the product gives it none either. Use "
                    "members that smooth, or model=mixture."
                )
        exponents = self.exponents.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([exponents], max_iter=100, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            total = exponents.new_zeros(())
            for logprobs, tokens in evidence:
                combined = torch.log_softmax(_weighted(logprobs, exponents).double(), dim=-1)
                total = total - combined.gather(1, tokens[:, None]).sum()
            mean = total / sum(len(tokens) for _, tokens in evidence)
            mean.backward()  # type: ignore[no-untyped-call]
            return mean.detach()

        with torch.enable_grad():
            optimizer.step(loss)  # type: ignore[no-untyped-call]
        self.exponents = exponents.detach()

    def own_tensors(self) -> dict[str, Tensor]:
        return {"exponents": self.exponents}

    def load_own_tensors(self, tensors: dict[str, Tensor]) -> None:
        exponents = stored_array(tensors, "exponents", torch.float64, (len(self.members),))
        check_stored("exponents", bool(exponents.isfinite().all()), "exponents must be finite")
        self.exponents = exponents


def _weighted(logprobs: Tensor, exponents: Tensor) -> Tensor:
    """(M, ..., V) to (..., V): the sum of log-probabilities times exponents."""
    weighted: Tensor = torch.einsum("m,m...->...", exponents.to(logprobs.dtype), logprobs)
    return weighted
