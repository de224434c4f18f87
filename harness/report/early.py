"""Whether the order of models early in their training foretells the order at its end."""

from __future__ import annotations

import numpy as np

from harness.report.comparison import Comparison
from harness.statistics.arrays import Floats
from harness.statistics.order import agreement

EARLY = 0.1
"""The share of the training tokens."""
_FEWEST_MODELS = 3
_SLACK = 1.1  # a validation this much later than the tenth will do


def early_order(comparison: Comparison) -> str:
    """A sentence; '' where fewer than three models have learning curves that begin early enough, or they had different
    validation text."""
    early: dict[str, list[float]] = {}
    late: dict[str, list[float]] = {}
    texts = set()
    for run in comparison.fits():
        if {"tokens", "validation_bits_per_byte"} <= set(run.learning_curve.columns):
            kept = run.learning_curve.dropna(subset=["tokens", "validation_bits_per_byte"])
            tokens, bits = (kept[name].to_numpy(dtype=float) for name in ("tokens", "validation_bits_per_byte"))
            if len(kept) > 1 and 0 < tokens[0] <= _SLACK * EARLY * tokens[-1] and np.isfinite(bits).all():
                at_tenth = float(np.interp(np.log(EARLY * tokens[-1]), np.log(tokens), bits))
                early.setdefault(run.system, []).append(at_tenth)
                late.setdefault(run.system, []).append(float(bits[-1]))
                texts.add(run.record.data.get("fingerprint"))
    if len(early) < _FEWEST_MODELS or len(texts) > 1:
        return ""
    result = agreement(_arrays(early), _arrays(late))
    if result.value is None:
        return ""
    interval = "" if result.ci_low is None else f" [{result.ci_low:.2f}, {result.ci_high:.2f}]"
    over = "95 % interval over seeds" if interval else "no interval, as some model has one seed"
    return (
        f"Does the order of {len(early)} models by validation bits per byte at a tenth of their training tokens "
        f"foretell the order at the end? Kendall’s tau is {result.value:.2f}{interval}; 1 is the same order, 0 none in "
        f"common ({over})."
    )


def _arrays(values: dict[str, list[float]]) -> list[Floats]:
    return [np.array(own) for own in values.values()]
