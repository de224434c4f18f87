"""A whole run that takes seconds, and its folder."""

from __future__ import annotations

from pathlib import Path

MIRRORED = (
    "data=chatterbot",
    "tracking=wandb",
    "budget.tokens=40000",
    "training.checkpoint_seconds=0.05",
    "evals.arithmetic.num_samples=20",
    "evals.turn_taking.num_samples=10",
    "evals.turn_taking.max_new_tokens=40",
    "evals.format_questions.max_new_tokens=40",
    "evals.turn_ends.num_samples=10",
    "evals.showcase.max_new_tokens=20",
)
SMALL = tuple(override.replace("tracking=wandb", "tracking=none") for override in MIRRORED)
LSTM = ("model=lstm", "model.d_model=48", "training.num_validations=4")


def only_run(folder: Path) -> Path:
    [found] = (folder / "results").glob("default/*/run.json")
    return found.parent
