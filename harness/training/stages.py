"""A stage of training: what each step reads, and the loss that it lowers.

The loop (harness/training/gradients.py) knows the schedule, the optimizer, checkpoints and the curve; a
stage knows the texts. Pretraining is one stage: it reads the corpus as one stream. Other stages are subclasses of
`TrainingStage`: fine-tuning on answers masks the tokens that aren't answers, a policy gradient writes its own batches
and has its own loss.

Shape legend: B rows, T tokens, V vocabulary size.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.training.spent import Spent
from models.carried import Carry
from models.neural_model import NeuralModel

# What torch's cross-entropy leaves out of its mean.
_IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """What one step reads, on the model's device. A stage may add fields of its own."""

    inputs: Tensor
    """(B, T) int64."""
    targets: Tensor
    """(B, T) int64: the token after each of the inputs."""
    num_targets: int
    """How many of the targets are learnt: these are the tokens that a budget counts."""
    mask: Tensor | None = None
    """(B, T) bool: which targets are learnt; None: all."""

    def parts(self, max_tokens: int | None, of: slice | None = None) -> Iterator[tuple[slice, Self]]:
        """Whole rows of at most this many inputs together, one row at least, and which rows they are; None: all.

        of: the rows to take; None: all.
        """
        first, end = (0, len(self.inputs)) if of is None else (of.start, of.stop)
        step = end - first if max_tokens is None else max(1, max_tokens // self.inputs.shape[1])
        for begin in range(first, end, step):
            rows = slice(begin, min(end, begin + step))
            values = {field.name: getattr(self, field.name) for field in fields(self)}
            cut = {name: value[rows] for name, value in values.items() if isinstance(value, Tensor)}
            learnt = cut["targets"] if self.mask is None else cut["targets"][cut["mask"]]
            yield rows, replace(self, **cut, num_targets=learnt.numel())


BatchT = TypeVar("BatchT", bound=Batch)


class TrainingStage(ABC, Generic[BatchT]):
    """What the training loop calls at each step. From one step to the next a stage keeps nothing but the carry and its
    tensors, so a fit that continues from a checkpoint reads the same batches as one that was never stopped.
    """

    rate_share: float = 1.0
    """The peak of the learning rate, as a share of the model's."""
    rate_option: str = "model.learning_rate"
    """The option that lowers it."""
    epochs: int = 1
    """How often the weights are changed by one batch, one after another."""
    keeps_best: bool = True
    """Whether the weights that were best on validation text are kept, and not the last ones."""
    drops_out: bool = True
    """Whether dropout is on."""

    def takes_share(self, share: float, name: str) -> None:
        """Learn at a share of the model's rate. name: of the stage in post=."""
        self.rate_share, self.rate_option = share, f"post.{name}.learning_rate_share"

    @abstractmethod
    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> BatchT:
        """What is read at a step, counted from 0.

        It follows from the model, the step and torch's random numbers, which are seeded for each step. tokens_left: how
        many targets the budget still allows, 1 or more; None: no limit.
        """

    def carried_on(self, carry: Carry | None) -> Carry | None:
        """What a step starts from, given what the step before carried on; None at the first step. Here: the same."""
        return carry

    def loss(self, model: NeuralModel, batch: BatchT, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        """(the mean loss, the `carry` of the next step's call: None, or detached tensors).

        carry: what `carried_on` gave. A step may call it for parts of its rows, one after another. Here: the mean
        cross-entropy, and nothing is carried on.
        """
        logits, _ = model(batch.inputs)
        return cross_entropy(logits, batch), None

    def flops(self, batch: BatchT, forward_flops: int, train_flops: int) -> float:
        """FLOPs of a whole step. forward_flops, train_flops: of the model, for each token of a pass forward, and of one
        forward and backward.

        Here: one pass forward and one backward over the inputs.
        """
        return train_flops * batch.inputs.numel()

    def share(self, part: BatchT, whole: BatchT) -> float:
        """The weight of a part's mean loss in that of the whole batch. Here: its share of the targets."""
        return part.num_targets / max(1, whole.num_targets)

    def measured(self, batch: BatchT) -> Mapping[str, float]:
        """What else a row of the curve says of a step. Always the same names."""
        return {}

    def more_spent(self, batch: BatchT) -> Spent:
        """What a step costs beside tokens, seconds, FLOPs and itself, such as replies that were written."""
        return Spent()

    def tensors(self) -> dict[str, Tensor]:
        """What the stage itself keeps from one step to the next, by name, for a checkpoint. Here: nothing."""
        return {}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Continue from what `tensors` gave."""


def cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """The mean over the targets that are learnt, in nats. logits: (B, T, V)."""
    if batch.mask is None:
        return F.cross_entropy(logits.flatten(0, 1).float(), batch.targets.flatten())
    targets = batch.targets.masked_fill(~batch.mask, _IGNORED)
    total = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=_IGNORED, reduction="sum")
    return total / max(1, batch.num_targets)  # a part of a step may have none to learn


class Pretraining(TrainingStage[Batch]):
    """The training text as one stream, read in order by rows side by side, each from its own start; the state that a
    family carries is passed on from one step to the next.
    """

    def __init__(self, stream: np.ndarray, batch_tokens: int, carry_reset_fraction: float) -> None:
        """stream: (N,) token ids, each document opened by the start token. The rest is as in `Training`."""
        self.stream, self.batch_tokens, self.carry_reset_fraction = stream, batch_tokens, carry_reset_fraction

    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> Batch:
        length = model.training_length
        num_rows = max(1, self.batch_tokens // length)
        rows = rows_at(self.stream, num_rows, length, step).to(model.device)
        if tokens_left is not None:
            length = min(length, math.ceil(tokens_left / num_rows))
        targets = rows[:, 1 : length + 1]
        return Batch(rows[:, :length], targets, targets.numel())

    def carried_on(self, carry: Carry | None) -> Carry | None:
        """A row's state is blanked now and then, so that the model keeps learning how documents begin."""
        if carry is None:
            return None
        is_kept = torch.rand(carry[0].shape[1]) >= self.carry_reset_fraction
        return tuple(part * is_kept.view(1, -1, *[1] * (part.dim() - 2)).to(part) for part in carry)

    def loss(self, model: NeuralModel, batch: Batch, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        logits, carry = model(batch.inputs, carry)
        return cross_entropy(logits, batch), carry


def rows_at(stream: np.ndarray, num_rows: int, length: int, step: int) -> Tensor:
    """What the rows read at a step: (B, length + 1) int64, inputs and, one further, targets.

    Row b starts b / B of the way into the stream and reads on from step to step, through its neighbour's part and
    around the end, so every token is seen once before any is seen twice.
    """
    starts = np.arange(num_rows) * len(stream) // num_rows + step * length
    positions = (starts[:, None] + np.arange(length + 1)) % len(stream)
    return torch.from_numpy(stream[positions].astype(np.int64))
