"""The tests of a comparison, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.report.comparison import Comparison
from harness.report.verdicts import Verdicts


def test_models_strategies_and_trivial_answers_are_tested(small: Path, compare: Callable[[Path], Comparison]) -> None:
    verdicts = Verdicts.of(compare(small))
    assert len(verdicts.models) == 1 + 4 + 4  # bits per byte, and two measures under four strategies
    assert len(verdicts.strategies) == 2 * 2 * 6  # two measures, two models, six pairs of strategies
    assert len(verdicts.trivial) == 2 + 2 * 4  # bits per byte and exact match have a chance
