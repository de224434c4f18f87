"""Allowed and refused settings of training."""

from __future__ import annotations

import pytest

from harness.training.settings import Training


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_tokens": 0},
        {"num_validations": 0},
        {"num_curve_rows": -1},
        {"validation_bytes": 0},
        {"warmup_fraction": 1.0},
        {"beta1": -0.1},
        {"beta2": 1.0},
        {"carry_reset_fraction": float("nan")},
        {"weight_decay": -0.1},
        {"max_grad_norm": 0.0},
        {"checkpoint_seconds": 0.0},
        {"momentum": 1.0},
        {"averaging_fraction": 1.0},
        {"max_tokens_at_once": 0},
        {"decay_fraction": 0.0},
        {"decay_fraction": 0.96},
    ],
    ids=str,
)
def test_what_can_not_be_is_refused_by_name(wrong: dict[str, float]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"^{name}={value} is not allowed: it must be "):
        Training(**wrong)  # type: ignore[arg-type]


def test_the_ends_of_what_is_allowed_are_allowed() -> None:
    Training(batch_tokens=1, warmup_fraction=0.0, beta1=0.0, carry_reset_fraction=0.0, weight_decay=0.0)
