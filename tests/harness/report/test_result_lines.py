from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.comparison import ANY_DECODING, Comparison
from harness.report.result_lines import result_lines, table_cell, usual_counts
from tests.harness.report.records import edit

Compare = Callable[[Path], Comparison]


def test_a_line_is_a_mean_over_its_runs_and_counts_those_that_failed(three_seeds: Path, compare: Compare) -> None:
    comparison = compare(three_seeds)
    lines = {(line.system, line.decoding): line for line in result_lines(comparison)}
    assert next(line.system for line in result_lines(comparison)) == comparison.systems[0]
    line = lines["rnn", "greedy"]
    records = [run.record for run in comparison.results.runs if (run.system, run.decoding) == ("rnn", "greedy")]
    assert line.seconds == pytest.approx(sum(record.spent["seconds"] for record in records) / 3)
    assert line.runs == tuple(f"families/rnn-greedy-s{seed}" for seed in range(3))
    assert line.seeds_text == "3"


def test_a_run_that_failed_is_no_seed(small: Path, compare: Compare) -> None:
    edit(small / "rnn-greedy-s0", lambda record: record.update(status="failed", metrics=[]))
    [line] = [line for line in result_lines(compare(small)) if (line.system, line.decoding) == ("rnn", "greedy")]
    assert line.seeds_text == "0 (1 failed)"


def test_counts_stand_in_a_cell_only_where_they_are_not_its_columns(small: Path, compare: Compare) -> None:
    comparison = compare(small)
    measure = comparison.headlines[0]
    cells = [comparison.cell(system, ANY_DECODING, measure) for system in comparison.systems]
    assert usual_counts([*cells, None]) == "8 of 8"
    assert table_cell(cells[0], "8 of 8").counts == ""
    assert table_cell(cells[0], "7 of 8").counts == "8 of 8"
    assert table_cell(None, "8 of 8").reason == "not measured"
    assert usual_counts([]) == ""
