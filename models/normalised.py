"""A view of a model whose scores aren't probabilities as one that gives a distribution over the next token.

The order of the scores stays; each row is divided by its sum. Text generation calls `normalised` on every model,
so it need not know which families give probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.language_model import Cost, LanguageModel, State


def normalised(model: LanguageModel) -> LanguageModel:
    """The model as one that gives distributions; the model itself where it already does."""
    return model if model.why_no_distribution is None else NormalisedModel(model)


class NormalisedState(State):
    """A state of the model behind the view."""

    def __init__(self, inner: State) -> None:
        self.inner = inner
        self.logprobs = torch.log_softmax(inner.logprobs, dim=-1)

    def select(self, rows: Tensor | Sequence[int]) -> NormalisedState:
        return NormalisedState(self.inner.select(rows))


class NormalisedModel(LanguageModel):
    """A view of another model: each row of what it gives sums to one."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.config = model.config
        self.vocab_size, self.start_token = model.vocab_size, model.start_token

    @property
    def context_length(self) -> int | None:
        return self.model.context_length

    @property
    def window_length(self) -> int | None:
        return self.model.window_length

    def start(self, num_rows: int = 1) -> NormalisedState:
        return NormalisedState(self.model.start(num_rows))

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, NormalisedState)
        scores, inner = self.model.read(state.inner, tokens, lengths)
        return torch.log_softmax(scores, dim=-1), NormalisedState(inner)

    def partway(self, before: State, after: State, logprobs: Tensor, counts: Sequence[int]) -> State | None:
        assert isinstance(before, NormalisedState)
        assert isinstance(after, NormalisedState)
        # rows that are normalised stay as they are when they are normalised again
        inner = self.model.partway(before.inner, after.inner, logprobs, counts)
        return None if inner is None else NormalisedState(inner)

    def cost(self) -> Cost:
        return self.model.cost()

    def tensors(self) -> dict[str, Tensor]:
        return self.model.tensors()

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        self.model.load_tensors(tensors)
