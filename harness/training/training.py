"""Fitting a model to a token stream: one loop for families that learn by gradients, one for families that count.

A stage decides what a step of the first loop reads and which loss it lowers (harness/training/stages.py).
Nothing depends on the wall clock unless the budget is in seconds, every step's random numbers follow from (seed, step),
and a checkpoint holds all that the next step needs: so a fit that was killed and started again ends with the same
weights as one that was not. On a graphics card attention over long windows and compiled steps are excepted: there they
are the same up to rounding.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.common.errors import UserError
from harness.common.progress import Progress
from harness.training.budget import Budget
from harness.training.curve import Validation, curve_row
from harness.training.gradients import GradientFit
from harness.training.processes import ALONE, Processes
from harness.training.settings import Training
from harness.training.spent import Spent
from harness.training.stages import Pretraining
from harness.training.step_size import check_memory, check_rows
from models.checks import Impossible
from models.combined import CombinedModel
from models.language_model import CountingModel, LanguageModel
from models.neural_model import NeuralModel

_TOKENS_COUNTED_AT_ONCE = 1 << 18
_TOKENS_TO_COMPILE = 500


def fit(
    model: LanguageModel,
    stream: np.ndarray,
    validation: Validation,
    training: Training,
    budget: Budget,
    seed: int,
    folder: Path,
    say: Callable[[str], None],
    processes: Processes = ALONE,
) -> tuple[Spent, list[dict[str, Any]]]:
    """Fit a model in place; it ends with the weights that were best on validation text.

    stream: (N,) token ids, each document opened by the start token. folder: holds the checkpoint while the fit is
    unfinished, and is resumed from. processes: those that share the fit; in each of them `fit` is called, and only the
    first writes, validates, and ends with the best weights. Returns what was spent and the rows of the training curve.
    Raises Diverged, OutOfMemory.
    """
    if isinstance(model, NeuralModel):
        check_memory(model, training, processes.size)
        check_rows(model, training, processes.size)
        # more text than the budget has tokens is never read
        stage = Pretraining(stream[: budget.tokens], training.batch_tokens, training.carry_reset_fraction)
        return GradientFit(model, stage, validation, training, budget, seed, folder, processes).run(say)
    if isinstance(model, CountingModel):
        return _fit_by_counting(model, stream, validation, budget, folder)
    raise UserError(
        f"model={model.config.family} can't be fitted: {type(model).__name__} is neither a CountingModel nor a "
        "NeuralModel. Derive it from one of them, or set is_fitted in its config if it comes with its weights."
    )


def tune(model: CombinedModel, validation: Validation, spent: Spent) -> list[dict[str, Any]]:
    """Let validation text choose how a combination's members are combined; the rows of its training curve.

    spent: what the members' fits cost; the tuning's time is added.
    """
    with Progress("combining", 100, "%"):
        started = time.perf_counter()
        model.tune(validation.as_tensors())
        spent.seconds += time.perf_counter() - started
    return [curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(model))]


def take(model: LanguageModel, validation: Validation) -> tuple[Spent, list[dict[str, Any]]]:
    """A model that comes with its weights: nothing is spent on it here, and its curve is one row."""
    spent = Spent()
    return spent, [curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(model))]


def _compile(model: CountingModel, stream: np.ndarray, folder: Path) -> None:
    """Fit a model of the same options to a little text and forget it: what the first fit of a process takes to compile
    is not the family's time."""
    trial = model.config.build(model.vocab_size, model.start_token)
    assert isinstance(trial, CountingModel)
    trial.scratch_folder = folder
    tokens = torch.from_numpy(stream[:_TOKENS_TO_COMPILE].astype(np.int64))
    trial.count(tokens)
    with contextlib.suppress(Impossible):  # there may be too little text for the options
        trial.finish([tokens])


def _fit_by_counting(
    model: CountingModel, stream: np.ndarray, validation: Validation, budget: Budget, folder: Path
) -> tuple[Spent, list[dict[str, Any]]]:
    _compile(model, stream, folder)
    spent = Spent()
    model.scratch_folder = folder
    total = min(len(stream), budget.tokens or len(stream))
    with Progress("counting", total, "tokens") as progress:
        while spent.tokens < total and budget.fraction_spent(spent) < 1:
            started = time.perf_counter()
            piece = stream[spent.tokens : min(total, spent.tokens + _TOKENS_COUNTED_AT_ONCE)]
            model.count(torch.from_numpy(piece.astype(np.int64)))
            spent.tokens += len(piece)
            spent.steps += 1
            spent.seconds += time.perf_counter() - started
            progress.advance(len(piece))
    with Progress("smoothing", 100, "%") as progress:
        started = time.perf_counter()
        model.finish(validation.as_tensors(), budget.num_params, lambda share: progress.advance_to(100 * share))
        spent.seconds += time.perf_counter() - started
    return spent, [curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(model))]
