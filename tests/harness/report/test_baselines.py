"""What people wrote, or gzip makes of the same bytes, is a row below the models, not a column."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from harness.evaluation.metric import Metric
from harness.report import write_report
from harness.report.baselines import baselines, measures_of_models
from harness.report.comparison import Comparison

MEASURES: dict[str, dict[str, object]] = {
    "size": {"value": 2.0, "higher_is_better": False},
    "speed": {"value": 30.0, "higher_is_better": True},
    "packed_by_gzip": {"value": 3.25, "baseline_of": "size", "baseline_label": "gzip"},
    "packed_by_xz": {"value": 3.5, "baseline_of": "size", "baseline_label": "xz"},
}


def add(experiment: Path, differing: str = "size") -> None:
    """Write the measures into every run's record; one of them differs between the models."""
    for folder in sorted(path.parent for path in experiment.glob("*/run.json")):
        record = json.loads((folder / "run.json").read_text())
        for name, about in MEASURES.items():
            blank = dict.fromkeys(record["metrics"][0])
            blank |= {"scale": 1.0, "uses_decoding": False, "baseline_is_trivial": False}
            metric = blank | {"eval": "packed", "eval_version": 1, "slice": "all", "unit": "bits/byte"}
            metric |= {"metric": name, "n": 4, "n_total": 4} | about
            if name == differing and record["family"] == "rnn":
                metric["value"] += 0.01
            record["metrics"].append(metric)
        (folder / "run.json").write_text(json.dumps(record))


def test_a_figure_that_no_model_made_stands_beside_the_measure_that_it_names(
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


def test_a_figure_that_differs_between_models_is_no_row_for_all_of_them(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    add(small, differing="packed_by_gzip")
    comparison = compare(small)
    assert list(baselines(comparison, "packed")) == ["xz"]
    assert [m.metric for m in measures_of_models(comparison, "packed")] == ["size", "speed", "packed_by_gzip"]


def test_what_is_only_called_like_another_measure_and_never_changes_is_a_measure_like_any_other(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    for folder in sorted(path.parent for path in small.glob("*/run.json")):
        record = json.loads((folder / "run.json").read_text())
        for name, better in (("size", False), ("gzip_size", None)):
            metric = Metric("packed", 1, name, "all", 3.0, "bits/byte", better, 4, 4)
            record["metrics"].append(vars(metric))
        (folder / "run.json").write_text(json.dumps(record))
    comparison = compare(small)
    assert baselines(comparison, "packed") == {}
    assert [measure.metric for measure in measures_of_models(comparison, "packed")] == ["size", "gzip_size"]


def test_the_page_s_table_has_them_as_rows_and_the_plot_too(small: Path) -> None:
    add(small)
    report = write_report(small)
    page = report.page.read_text()
    table = page[page.index("All measures of packed") :].partition("</table>")[0]
    assert re.findall(r'<th scope="row">(\w+)</th>', table)[-2:] == ["gzip", "xz"]
    assert "packed by gzip" not in table
    assert re.search(r'<th scope="row">gzip</th>.*?3\.250', table, flags=re.DOTALL)
    plot = (report.page.parent / "packed_measures.svg").read_text()
    assert ">gzip</text>" in plot
    assert "gzip 3.250" in page
    assert "the last rows are reference values: gzip and xz" in page
    summary = (report.page.parent / "summary.csv").read_text().splitlines()[0]
    assert "packed_by_gzip" in summary  # files keep every measure
