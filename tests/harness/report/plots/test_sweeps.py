"""Where an option that can be put in order was swept, the report draws lines along it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.plots.sweeps import swept


@pytest.fixture
def orders(small: Path) -> Path:
    """One model with its order swept under each of two smoothings. Returns the experiment."""
    first, *others = sorted(folder for folder in small.iterdir() if (folder / "run.json").is_file())
    for other in others:
        shutil.rmtree(other)
    for smoothing in ("katz", "witten_bell"):
        for order in (10, "inf", 2, 3):
            folder = small / f"{first.name}-{smoothing}-{order}"
            shutil.copytree(first, folder)
            record = json.loads((folder / "run.json").read_text())
            record["run_id"] = record["fit_id"] = folder.name
            record["model"] |= {"order": order, "smoothing": smoothing}
            (folder / "run.json").write_text(json.dumps(record))
    shutil.rmtree(first)
    return small


def test_the_swept_option_is_found_with_its_values_in_order(
    orders: Path, compare: Callable[[Path], Comparison]
) -> None:
    found = swept(compare(orders))
    assert found is not None
    assert (found.option, found.values) == ("order", (2, 3, 10, "inf"))
    assert sorted(found.lines) == ["katz", "witten_bell"]
    assert all(line.keys() == {2, 3, 10, "inf"} for line in found.lines.values())


def test_its_plots_take_the_place_of_those_of_single_points(orders: Path) -> None:
    written = {path.name for path in write_report(orders).files}
    assert {"by_order.svg", "by_order_parameters.svg", "by_order_training_seconds.png"} <= written
    assert "cost_parameters.svg" not in written


def test_two_values_are_no_sweep(small: Path, compare: Callable[[Path], Comparison]) -> None:
    assert swept(compare(small)) is None
