"""A model and a log-linear correction above it: how any family learns by gradients.

The base gives p_base(w | h) of each token w after the text h. The correction adds a number for each of the last tokens
h_k, k = 0, 1, ..., and each w:

    p(w | h) is proportional to p_base(w | h) exp(sum over k of theta_k[h_k, w])

This is minimum-discrimination-information adaptation with n-gram features (Della Pietra et al. 1992; Rosenfeld 1996).
All of theta is 0 at first, so nothing changes. What the base excludes stays excluded. A table holds theta_k; where
there are more contexts than it has rows, some share a row (feature hashing: Weinberger et al. 2009).

Shape legend: B rows, T tokens, N places in texts, K contexts of a place, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.above import NOTHING, AboveModel
from models.checks import check_stored, stored_array
from models.language_model import Cost, LanguageModel
from models.neural_model import NeuralModel, ParameterGroup
from models.settings.tilted import TiltedConfig
from models.sparse_rows import Ints

_WINDOW = 128
# An odd number whose products spread over all 64 bits (Knuth, "The Art of Computer Programming" 6.4).
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Tilted(AboveModel, NeuralModel):
    """Trained by gradients; or load."""

    config: TiltedConfig

    def __init__(self, config: TiltedConfig, base: LanguageModel) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.stand_on(base, config.correction.most_context)
        num_slots = config.correction.num_slots
        self.sizes = [min(self.vocab_size**length, num_slots) for length in range(self.most_context + 1)]
        """Rows of the table for each length of context."""
        self.theta = nn.Parameter(torch.zeros(sum(self.sizes), self.vocab_size))

    @property
    def training_length(self) -> int:
        return self.window_length or _WINDOW

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        return [ParameterGroup([self.theta], is_decayed=False)]

    def forward(self, tokens: Tensor, carry: Any = None) -> tuple[Tensor, None]:
        tokens = tokens.cpu()  # a base that counts reads there, and any other takes them to its own device
        rows = torch.from_numpy(self._rows(self.contexts(tokens.numpy()))).to(self.device)
        return self._below(tokens).to(self.device) + self._correction(rows), None

    @torch.no_grad()
    def _below(self, tokens: Tensor) -> Tensor:
        """(B, T, V): the base's distributions after each token. A row that doesn't begin with the start token is read
        as though it did."""
        state = self.base.start(len(tokens))
        if bool((tokens[:, 0] == self.start_token).all()):
            return torch.cat([state.logprobs[:, None], self.base.read(state, tokens[:, 1:])[0]], dim=1)
        return self.base.read(state, tokens)[0]

    def _rows(self, contexts: Ints) -> Ints:
        """The row of the table for each context, -1 for none. Shapes as they are: (K, ...)."""
        rows, first = np.full_like(contexts, NOTHING), 0
        for length, size in enumerate(self.sizes):
            of_length = contexts[length]
            if size < self.vocab_size**length:
                with np.errstate(over="ignore"):
                    of_length = ((of_length.astype(np.uint64) * _SPREAD) >> np.uint64(32)).astype(np.int64) % size
            rows[length] = np.where(contexts[length] == NOTHING, NOTHING, first + of_length)
            first += size
        return rows

    def _correction(self, rows: Tensor) -> Tensor:
        """(..., V) for rows of the table (K, ...)."""
        total: Tensor | None = None
        for of_length in rows:
            summand = F.embedding(of_length.clamp(min=0), self.theta) * (of_length != NOTHING)[..., None]
            total = summand if total is None else total + summand
        assert total is not None
        return total

    def change(self, logprobs: Tensor, contexts: Ints) -> Tensor:
        rows = torch.from_numpy(self._rows(contexts)).to(self.device)
        return (logprobs.to(self.device) + self._correction(rows)).log_softmax(-1)

    def cost(self) -> Cost:
        """The base's, and a sum for each token of the vocabulary and length of context."""
        base = self.base.cost()
        return Cost(
            num_params=base.num_params + self.theta.numel(),
            model_bytes=base.model_bytes + self.theta.nbytes,
            flops_per_token=base.flops_per_token + len(self.sizes) * self.vocab_size,
            state_bytes_at_context=base.state_bytes_at_context + 4 * self.vocab_size + 8 * self.most_context,
        )

    def train_flops_per_token(self) -> int:
        """The base is read once, without gradients."""
        return self.base.cost().flops_per_token + 3 * len(self.sizes) * self.vocab_size

    def tensors(self) -> dict[str, Tensor]:
        return self.base_tensors() | {"theta": self.theta.detach().cpu()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadWeights (models/checks.py) where the table isn't of this size, or not of numbers."""
        own = self.load_base_tensors(tensors)
        theta = stored_array(own, "theta", torch.float32, tuple(self.theta.shape))
        check_stored("theta", bool(theta.isfinite().all()), "theta must be finite")
        with torch.no_grad():
            self.theta.copy_(theta)
