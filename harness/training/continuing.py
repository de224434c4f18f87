"""Whether a run can continue a fit; told before torch is imported, where no width is to be solved for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.training.budget import Budget, solve_width
from harness.training.fits import saved_model
from models.language_model import ModelConfig, NeuralModelConfig
from models.settings.combined import CombinedConfig


def check_continues(name: str, folder: Path, model: ModelConfig, budget: Budget) -> None:
    """UserError where a run with this model can't continue a fit.

    name: what the user called the fit, or a run that scored it. folder: the fit's.
    """
    asked = f"training.continue_from={name}"
    if model.is_fitted:
        raise UserError(
            f"{asked}: model={model.family} has its weights already and isn't trained here, so it can't continue a "
            "fit. Leave training.continue_from out."
        )
    if isinstance(model, CombinedConfig):
        raise UserError(
            f"{asked}: model={model.family} combines fits of its members and can't continue one. Leave "
            "training.continue_from out."
        )
    saved, described = saved_model(folder)
    if type(saved) is not type(model):
        raise UserError(
            f"{asked} is a fit of model={saved.family}, which model={model.family} can't continue. Pick "
            f"model={saved.family} here, or continue from another run."
        )
    wanted = solve_width(model, budget.num_params, described["vocab_size"])
    if isinstance(saved, NeuralModelConfig) and isinstance(wanted, NeuralModelConfig):
        saved = saved.trained_as(wanted)
    differences = _differences(saved, wanted)
    if differences:
        there = ", ".join(f"{option}={_written(value)}" for option, (value, _) in differences.items())
        here = ", ".join(f"{option}={_written(value)}" for option, (_, value) in differences.items())
        same = " ".join(f"model.{option}={_written(value)}" for option, (value, _) in differences.items())
        if wanted != model:
            here = f"{here} ({model.width_field} for budget.num_params={budget.num_params:,})"
            same = f"budget.num_params=null {same}"
        raise UserError(
            f"{asked} can't be continued with other options of the model: it has {there}, and this run {here}. Give "
            f"this run the same ({same}), or continue from another run."
        )
    lacking = _differences(saved, saved.for_counting_on())
    if lacking:
        needed = " ".join(f"model.{option}={_written(value)}" for option, (_, value) in lacking.items())
        raise UserError(
            f"{asked} can't be continued: its fit was made without what counting on needs. Make it with {needed}, "
            "which this run needs too."
        )


def _differences(one: ModelConfig, other: ModelConfig) -> dict[str, tuple[Any, Any]]:
    """The options in which two configs of one class differ, with both values."""
    values = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)}
    return {name: (left, right) for name, (left, right) in values.items() if left != right}


def _written(value: Any) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value)
