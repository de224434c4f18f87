"""Small searches for tests."""

from __future__ import annotations

from pathlib import Path

from harness.runs.tuning.space import families
from harness.runs.tuning.trials import Trial
from harness.runs.tuning.tune import Tuner

SMALL = (
    "experiment=tuning",
    "data=chatterbot",
    "tracking=none",
    "budget.tokens=2000",
    "budget.num_params=null",
    "training.batch_tokens=256",
    "training.validation_bytes=500",
    "training.num_validations=2",
)
GRU = (
    "model=gru",
    "model.gru.d_model=8",
    "model.gru.learning_rate=tag(log,interval(1e-3,1e-1))",
    "model.gru.num_layers=1,2",
    "model.gru.training_length=32",
    "model.gru.optimizer=adamw",
)


def tuner(results: Path, *overrides: str) -> Tuner:
    """A small search; later overrides replace earlier ones of the same key."""
    by_key = {override.partition("=")[0]: override for override in (*SMALL, f"results_dir={results}", *overrides)}
    return Tuner(*families(list(by_key.values())))


def trial(family: str, number: int, bits: float | None, seed: int = 0, **more: object) -> Trial:
    """A trial that nobody made."""
    values = {
        "settings": {"model.learning_rate": f"0.0{number}"},
        "status": "failed" if bits is None else "complete",
        "reason": "Diverged: the loss is no number" if bits is None else None,
        "tokens": 1000,
        "seconds": 2.0,
        "flops": 1e6,
        "num_params": 300,
        "fit_id": f"{family}-{number}-{seed}",
        **more,
    }
    return Trial(family=family, number=number, seed=seed, validation_bits_per_byte=bits, **values)  # type: ignore[arg-type]
