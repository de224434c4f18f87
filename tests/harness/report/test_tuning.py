"""The table, the cautions and the files of a search, from trials that nobody made."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.tuning import TuningReport, report_tuning
from harness.runs.sweep import Interval
from harness.runs.tuning.settings import TuneSettings
from harness.runs.tuning.space import Family
from harness.runs.tuning.trials import Tuned
from tests.harness.runs.tuning.searches import trial

RATES = {"model.learning_rate": Interval(1e-3, 1e-1, is_logarithmic=True, is_whole=False)}
GRU = Tuned(
    Family("gru", ["model=gru"], RATES),
    [trial("gru", 1, 2.6), trial("gru", 2, 2.2), trial("gru", 3, None, flops=None)],
)
UNIFORM = Tuned(Family("uniform", ["model=uniform"], {}), [trial("uniform", 1, 6.8, settings={}, flops=0.0)])


def reported(folder: Path, *tuned: Tuned, **settings: object) -> TuningReport:
    return report_tuning(tuned, TuneSettings(trials=3, **settings), folder)  # type: ignore[arg-type]


def test_the_table_has_each_family_s_best_and_cost(tmp_path: Path) -> None:
    report = reported(tmp_path, UNIFORM, GRU)
    gru, uniform = (dict(zip(report.columns, row, strict=True)) for row in report.rows)
    assert gru == {
        "family": "gru",
        "trials": "3",
        "without a value": "1",
        "best bits per byte": "2.200",
        "mean over trials": "2.400",
        "parameters": "300",
        "seconds": "6",
        "FLOPs": "2M",
        "best settings": "model.learning_rate=0.02",
    }
    assert (uniform["family"], uniform["best bits per byte"]) == ("uniform", "6.800")
    page = (tmp_path / "tuning.md").read_text()
    assert "| gru | 3 | 1 | 2.200 | 2.400 |" in page
    assert all(caution in page for caution in report.cautions)


def test_it_cautions_against_luck_and_against_what_was_not_searched(tmp_path: Path) -> None:
    report = reported(tmp_path, UNIFORM, GRU)
    assert [caution.split(":")[0] for caution in report.cautions] == [
        "Nothing was searched for uniform",
        "The best of many trials is also the luckiest",
    ]


def test_it_cautions_against_a_best_at_the_edge_and_unequal_numbers(tmp_path: Path) -> None:
    edge = trial("lstm", 1, 2.0, settings={"model.learning_rate": "0.098"})
    lstm = Tuned(Family("lstm", ["model=lstm"], RATES), [edge], [trial("lstm", 1, 2.1, 1), trial("lstm", 1, 2.3, 2)])
    report = reported(tmp_path, lstm, GRU, confirm_seeds=2)
    unequal, at_the_edge = report.cautions
    assert "(gru 3, lstm 1)" in unequal or "(lstm 1, gru 3)" in unequal
    assert at_the_edge.startswith("lstm: the best model.learning_rate (0.098) is at the highest end")
    first = dict(zip(report.columns, report.rows[0], strict=True))
    assert (first["best bits per byte"], first["mean over 2 other seeds"]) == ("2.000", "2.200")


@pytest.mark.parametrize("searcher", ["random", "tpe"])
def test_the_plots_are_written_once_for_trials_and_each_cost(searcher: str, tmp_path: Path) -> None:
    reported(tmp_path, UNIFORM, GRU, searcher=searcher)
    names = {f"expected_best_{along}" for along in ("trials", "training_seconds", "training_flops")}
    assert {path.name for path in tmp_path.iterdir()} == {
        "tuning.md",
        *(f"{name}.{ending}" for name in names for ending in ("svg", "png")),
    }
    svg = (tmp_path / "expected_best_training_flops.svg").read_text()
    assert ">gru<" in svg
    assert ">uniform<" not in svg  # it spends none


def test_a_family_without_any_value_has_no_line(tmp_path: Path) -> None:
    report = reported(tmp_path, Tuned(GRU.family, [trial("gru", 1, None)]))
    assert report.rows[0][:4] == ("gru", "1", "1", "–")
    assert [path.name for path in tmp_path.iterdir()] == ["tuning.md"]
