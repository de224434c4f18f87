"""What people wrote, or gzip makes of the same bytes, is a row below the models, not a column."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from harness.report import write_report
from harness.report.baselines import baselines, measures_of_models
from harness.report.comparison import Comparison

MEASURES = {"size": (2.0, False), "speed": (30.0, True), "gzip_size": (3.25, None), "xz_size": (3.5, None)}


def add(experiment: Path, **changes: tuple[float, bool | None]) -> None:
    """Write the measures into every run's record; a model's size depends on the model, a changed measure too."""
    for number, folder in enumerate(sorted(path.parent for path in experiment.glob("*/run.json"))):
        record = json.loads((folder / "run.json").read_text())
        for name, (value, better) in (MEASURES | changes).items():
            moved = value + 0.01 * number if name in {"size", *changes} else value
            measured = {"metric": name, "value": moved, "n": 4, "n_total": 4, "higher_is_better": better}
            blank = dict.fromkeys(record["metrics"][0])
            record["metrics"].append(
                blank | {"eval": "packed", "eval_version": 1, "slice": "all", "unit": "bits/byte"} | measured
            )
        (folder / "run.json").write_text(json.dumps(record))


def test_a_figure_that_is_the_same_in_every_run_stands_beside_the_measure_of_its_name(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    add(small)
    comparison = compare(small)
    found = baselines(comparison, "packed")
    assert list(found) == ["gzip", "xz"]
    [(measure, cell)] = found["gzip"].items()
    assert (measure.metric, cell.estimate.value) == ("size", 3.25)
    assert [measure.metric for measure in measures_of_models(comparison, "packed")] == ["size", "speed"]
    assert baselines(comparison, "perplexity") == {}
    assert len(measures_of_models(comparison, "perplexity")) == 6


def test_what_differs_between_runs_or_can_be_better_is_a_measure_like_any_other(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    add(small, gzip_size=(3.25, None), xz_size=(3.5, False))
    comparison = compare(small)
    assert baselines(comparison, "packed") == {}
    assert len(measures_of_models(comparison, "packed")) == 4


def test_the_page_s_table_has_them_as_rows_and_the_plot_too(small: Path) -> None:
    add(small)
    report = write_report(small)
    page = report.page.read_text()
    table = page[page.index("All measures of packed") :].partition("</table>")[0]
    assert re.findall(r'<th scope="row">(\w+)</th>', table)[-2:] == ["gzip", "xz"]
    assert "gzip size" not in table
    assert re.search(r'<th scope="row">gzip</th>.*?3\.250', table, flags=re.DOTALL)
    plot = (report.page.parent / "packed_measures.svg").read_text()
    assert ">gzip</text>" in plot
    assert "gzip 3.250" in page
    assert "below them gzip and xz" in page
    summary = (report.page.parent / "summary.csv").read_text().splitlines()[0]
    assert "gzip_size" in summary  # files keep every measure
