"""Token frequencies: each token is as likely as it was frequent in training, independent of the context.

Smoothed by adding `pseudo_count` to every count (Laplace's rule of succession at 1; Lidstone 1920 otherwise), so that a
token never seen has a probability too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from models.checks import check_stored, check_tokens, stored_array
from models.inner import Evidence, Inner
from models.language_model import OnStep, ignore
from models.memoryless import MemorylessModel
from models.settings.unigram import UnigramConfig


class Unigram(MemorylessModel):
    """p(w) = (count(w) + pseudo_count) / (N + pseudo_count V), over N counted tokens and a vocabulary of V.

    The start token counts where it ends a document; the stream's first token is only context and doesn't count.
    """

    config: UnigramConfig

    def __init__(self, config: UnigramConfig, vocab_size: int, start_token: int) -> None:
        super().__init__(config, vocab_size, start_token)
        self._counts = torch.zeros(vocab_size, dtype=torch.int64)
        self._stream_is_open = False

    def count(self, tokens: Tensor) -> None:
        check_tokens(tokens.numpy(), self.vocab_size)
        predicted = tokens if self._stream_is_open else tokens[1:]
        self._counts += torch.bincount(predicted, minlength=self.vocab_size)
        self._stream_is_open |= len(tokens) > 0

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        mass = self._counts.double() + self.config.pseudo_count
        self.token_logprob = (mass / mass.sum()).log().float()

    def inner(self, tokens: Tensor) -> Inner:
        logprobs, total = self._distribution(), int(self._counts.sum())
        return Inner(
            evidence=tuple(
                (Evidence((), math.exp(logprobs[token]), 0.0, int(self._counts[token]), total),)
                for token in tokens.tolist()
            )
        )

    def tensors(self) -> dict[str, Tensor]:
        return {"counts": self._counts}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadWeights (models/checks.py) where the array is no counts over this vocabulary."""
        counts = stored_array(tensors, "counts", torch.int64, (self.vocab_size,))
        check_stored("counts", bool((counts >= 0).all()), "counts must be 0 or more")
        self._counts = counts
        self._stream_is_open = bool(self._counts.any())
        self.finish()
