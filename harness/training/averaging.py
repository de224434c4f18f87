"""A running average of the weights: what is validated and kept, where training asks for it.

An exponential moving average over the last share of the budget (Polyak and Juditsky 1992; Izmailov et al. 2018). It
smooths out what the last batches did, as a falling learning rate does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from models.neural_model import NeuralModel


class AveragedWeights:
    """The average of a model's parameters along the budget."""

    def __init__(self, model: NeuralModel, share: float) -> None:
        """share: of the budget that the average looks back on, above 0."""
        self._parameters = dict(model.named_parameters())
        self._share = share
        self.tensors: dict[str, Tensor] = {}
        """The average by name; empty before the first step."""

    @torch.no_grad()
    def add(self, spent: float) -> None:
        """Take in the weights after a step. spent: the share of the budget that the step took."""
        if not self.tensors:
            self.tensors = {name: parameter.clone() for name, parameter in self._parameters.items()}
        weight = 1 - math.exp(-spent / self._share)
        torch._foreach_lerp_([self.tensors[name] for name in self._parameters], list(self._parameters.values()), weight)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """In this block the model has the average for its weights."""
        own = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        self._write(self.tensors or own)
        try:
            yield
        finally:
            self._write(own)

    @torch.no_grad()
    def _write(self, tensors: dict[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(tensors[name])
