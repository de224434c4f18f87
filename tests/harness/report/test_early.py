"""Whether the order at a tenth of the training foretells that at the end, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report.comparison import Comparison
from harness.report.early import early_order
from tests.harness.report.fake_results import MODELS, write_fake_results

Compare = Callable[[Path], Comparison]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    write_fake_results(tmp_path, 3, models=MODELS[4:], num_documents=6, num_problems=6, mishaps=False)
    return tmp_path


def test_the_order_at_a_tenth_is_held_against_the_order_at_the_end(trained: Path, compare: Compare) -> None:
    assert early_order(compare(trained)).startswith(
        "Does the order of 4 models by validation bits per byte at a tenth of their training tokens foretell the order "
        "at the end? Kendall’s tau is 1.00 [1.00, 1.00]; "
    )
    for path in trained.glob("families/lstm-*/curve.parquet"):  # the best at the end is the worst at first
        curve = pd.read_parquet(path)
        early = curve["tokens"] < 0.5 * curve["tokens"].max()
        curve["validation_bits_per_byte"] += np.where(early, 2.0, 0.0)
        curve.to_parquet(path, index=False)
    assert "Kendall’s tau is 0.00 [" in early_order(compare(trained))  # three of six pairs are reversed


def test_nothing_is_said_of_curves_that_begin_late_or_of_two_models(trained: Path, compare: Compare) -> None:
    for path in trained.glob("families/*/curve.parquet"):
        curve = pd.read_parquet(path)
        curve[curve["tokens"] > 0.2 * curve["tokens"].max()].to_parquet(path, index=False)
    assert early_order(compare(trained)) == ""
