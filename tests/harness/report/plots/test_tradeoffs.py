"""Quality against diversity is drawn where an eval measures both, beside the same of real text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.plots.tradeoffs import tradeoffs

MEASURES = {
    "diversity": [0.3, 0.7, 0.8, 0.9],
    "reference_bits_per_byte": [0.9, 1.8, 2.1, 3.0],
    "real_reference_bits_per_byte": [2.0] * 4,
}


def add(experiment: Path, left_out: str = "") -> None:
    """Write the measures into every run's record, the strategies in order."""
    for folder in sorted(experiment.iterdir()):
        file = folder / "run.json"
        if not file.is_file():
            continue
        record = json.loads(file.read_text())
        place = ["greedy", "temperature", "top_k", "top_p"].index(record["decoding"]["name"])
        for name, values in MEASURES.items():
            if name != left_out:
                measured = {"metric": name, "value": values[place], "n": 9, "n_total": 9, "higher_is_better": None}
                blank = dict.fromkeys(record["metrics"][0]) | {
                    "scale": 1.0,
                    "uses_decoding": True,
                    "baseline_is_trivial": False,
                }
                shared = {"eval": "written", "eval_version": 1, "slice": "all", "unit": "share"}
                record["metrics"].append(blank | shared | measured)
        file.write_text(json.dumps(record))


def test_a_plot_a_system_names_every_strategy_and_what_people_wrote(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    add(small)
    plots = [plot for plot in tradeoffs(compare(small)) if plot is not None]
    assert len(plots) == 2
    for plot in plots:
        assert "greedy: diversity 0.300, 0.900 bits per byte" in plot.alt
        assert "What people wrote: 2.000 bits per byte. Nearest to it: top_k." in plot.alt
        assert plot.svg.startswith(b"<?xml")
    written = {path.name for path in write_report(small).files}
    assert {f"{plot.name}.png" for plot in plots} <= written


@pytest.mark.parametrize("left_out", MEASURES)
def test_without_one_of_the_measures_there_is_none(
    small: Path, compare: Callable[[Path], Comparison], left_out: str
) -> None:
    add(small, left_out)
    assert not any(tradeoffs(compare(small)))
