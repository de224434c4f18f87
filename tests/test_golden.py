"""Golden runs: the first 20 training losses of each family at a fixed seed on CPU, so that no change moves them unseen.
Also of the transformer's older forms, and of the other optimizers.

All is computed in float64, where float32 or bfloat16 is asked for too: the first steps of an optimizer that divides by
gradients make rounding 1,000 times larger, and processors round float32 differently.

After an intended change, `python -m tests.test_golden` writes them again, and the commit says why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.config.compose import compose
from harness.config.settings import build
from harness.training.budget import Budget
from harness.training.curve import Validation
from harness.training.settings import Training
from harness.training.spent import Spent
from harness.training.training import fit, tune
from models.language_model import LanguageModel, ModelConfig
from models.settings.combined import CombinedConfig
from tests.conftest import ROOT
from tests.models.families import LEARNING

FILE = ROOT / "tests" / "golden" / "losses.json"
VOCAB, STEPS = 30, 20
GOLDEN = [
    *LEARNING,
    *(f"transformer model.preset={preset}" for preset in ("gpt2", "llama")),
    *(f"{family} model.optimizer={optimizer}" for family in ("lstm", "transformer") for optimizer in ("adamw", "sgd")),
]


@contextmanager
def float64() -> Iterator[None]:
    """All computations of torch in float64."""
    with pytest.MonkeyPatch.context() as patch:
        for narrow in ("float", "bfloat16"):
            patch.setattr(torch.Tensor, narrow, torch.Tensor.double)
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def losses(named: str, folder: Path) -> list[float]:
    """Training losses in nats of the first steps; where there are no steps, validation bits a token in the end.

    named: a family, and settings after it.
    """
    rng = np.random.default_rng(0)
    steps = rng.choice([1, 2, 7], size=STEPS * 256 + 1, p=[0.7, 0.2, 0.1])
    steps[0] = 0
    stream = (np.cumsum(steps) % VOCAB).astype(np.uint16)
    settings = compose([f"model={named.split()[0]}", *named.split()[1:]])
    options = {"batch_tokens": 256, "num_curve_rows": STEPS, "num_validations": 1}
    training = build(settings["training"] | options, Training, "training")
    validation = Validation([stream[:500].astype(np.int64)], 500)

    def fitted(config: ModelConfig) -> tuple[LanguageModel, list[dict[str, Any]]]:
        if isinstance(config, CombinedConfig):
            combined = config.combine({name: fitted(member)[0] for name, member in config.members.items()})
            return combined, tune(combined, validation, Spent())
        torch.manual_seed(0)
        model = config.build(VOCAB, 0)
        _, curve = fit(model, stream, validation, training, Budget(tokens=STEPS * 256), 0, folder, print)
        return model, curve

    with float64():
        _, curve = fitted(build(settings["model"], ModelConfig, "model"))  # type: ignore[type-abstract]
    measure = "train_loss_nats" if len(curve) > 1 else "validation_bits_per_byte"
    return [round(row[measure], 9) for row in curve]


@pytest.mark.parametrize("named", GOLDEN)
def test_the_first_losses_are_those_on_record(named: str, tmp_path: Path) -> None:
    expected = json.loads(FILE.read_text())[named]
    assert losses(named, tmp_path) == pytest.approx(expected, abs=1e-7)


if __name__ == "__main__":
    import tempfile

    found = {}
    for name in GOLDEN:
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = losses(name, Path(scratch))
    FILE.write_text(json.dumps(found, indent=1) + "\n")
