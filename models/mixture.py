"""A linear mixture: p(w | h) = sum over members m of weight_m p_m(w | h), one weight a member.

The weights maximise the likelihood of held-out text. They are found by expectation maximisation (Jelinek and Mercer
1980); the likelihood has one maximum, so the starting point makes no difference. A family that counts and one that
learns by gradients make different errors, so their mixture is often better than both (Mikolov et al. 2011).

Shape legend: M members, B rows, T tokens, N held-out tokens, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.checks import Impossible, check_stored, stored_array
from models.combined import PointwiseCombination
from models.language_model import LanguageModel
from models.settings.mixture import MixtureConfig

_MAX_ROUNDS, _TOLERANCE = 1000, 1e-9


class Mixture(PointwiseCombination):
    """Stored: the members' weights, which sum to one."""

    def __init__(self, config: MixtureConfig, members: Mapping[str, LanguageModel]) -> None:
        super().__init__(config, members)
        self.weights = torch.full((len(members),), 1 / len(members), dtype=torch.float64)

    def combine(self, logprobs: Tensor) -> Tensor:
        weights = self.weights.log().to(logprobs.dtype)
        return torch.logsumexp(logprobs + weights.view(-1, *[1] * (logprobs.dim() - 1)), dim=0)

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self._combined([member.token_logprobs(tokens, lengths) for member in self.members.values()])

    def tune(self, held_out: Sequence[Tensor]) -> None:
        self.check_members()
        documents = [document for document in held_out if len(document)]
        if not documents:
            raise Impossible(
                "model=mixture needs validation text to choose its weights, but there is none. Use data with a "
                "validation split."
            )
        scored = [
            torch.stack([member.token_logprobs(document[None])[0].cpu().double() for member in self.members.values()])
            for document in documents
        ]
        self.weights = expectation_maximisation(torch.cat(scored, dim=1).exp())

    def own_tensors(self) -> dict[str, Tensor]:
        return {"weights": self.weights}

    def load_own_tensors(self, tensors: dict[str, Tensor]) -> None:
        weights = stored_array(tensors, "weights", torch.float64, (len(self.members),))
        check_stored("weights", bool((weights >= 0).all()), "weights must be 0 or more")
        self.weights = weights


def expectation_maximisation(probabilities: Tensor) -> Tensor:
    """The weights (M,) float64 under which a mixture gives tokens the highest likelihood.

    probabilities: (M, N), what each member gave each token. Raises Impossible where no member gave a token any.
    """
    if not (probabilities.sum(dim=0) > 0).all():
        raise Impossible(
            "model=mixture: no member gives some token of the validation text a probability. Add a member that smooths."
        )
    weights = torch.full((len(probabilities),), 1 / len(probabilities), dtype=torch.float64)
    for _ in range(_MAX_ROUNDS):
        shares = weights[:, None] * probabilities
        better = (shares / shares.sum(dim=0)).mean(dim=1)
        moved = (better - weights).abs().max()
        weights = better
        if moved < _TOLERANCE:
            break
    return weights
