from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.common.errors import UserError
from harness.dashboard.pairs_process import keep_pairs
from harness.dashboard.scope import PAIRS, Numbers, frame_of, rows_of_frame
from harness.report.pairs import compare_pairs
from harness.runs.index import Index


def numbers_of(results: Path) -> Numbers:
    index = Index(results)
    index.refresh(at_once=True)
    return Numbers(index)


def test_another_content_is_another_scope(own_results: Path) -> None:
    numbers = numbers_of(own_results)
    first = numbers.scope(["pair"])
    assert numbers.scope(["pair"]).key == first.key
    assert not first.is_whole
    (own_results / "pair" / "gru-greedy-s0" / "curve.parquet").write_bytes(b"changed")
    numbers.index.refresh(at_once=True)
    assert numbers.scope(["pair"]).key != first.key


def test_a_kept_board_needs_no_record(own_results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = numbers_of(own_results)
    board = numbers.board(numbers.scope(["pair"]), wait=60)
    numbers.index.close()
    again = numbers_of(own_results)
    monkeypatch.setattr(Numbers, "comparison", lambda *_: pytest.fail("records were read"))
    assert again.board(again.scope(["pair"]), wait=0) == board


def test_a_run_whose_samples_cannot_be_read_is_left_out(own_results: Path) -> None:
    (own_results / "pair" / "gru-greedy-s0" / "samples.parquet").write_bytes(b"no table")
    numbers = numbers_of(own_results)
    board = numbers.board(numbers.scope(["pair"]), wait=60)
    assert board is not None
    assert [run for run, _ in board.left_out] == ["pair/gru-greedy-s0"]
    assert "pair/gru-greedy-s0" not in {run for line in board.lines for run in line.runs}


def test_a_run_that_is_removed_meanwhile_is_left_out(own_results: Path) -> None:
    numbers = numbers_of(own_results)
    scope = numbers.scope(["pair"])
    (own_results / "pair" / "gru-greedy-s0" / "run.json").unlink()
    board = numbers.board(scope, wait=60)
    assert board is not None
    assert [run for run, _ in board.left_out] == ["pair/gru-greedy-s0"]


def test_where_no_run_can_be_read_the_error_says_so(results: Path) -> None:
    numbers = numbers_of(results)
    with pytest.raises(UserError, match="no run can be read"):
        numbers.board(numbers.scope(["broken"]), wait=60)


def test_the_kept_tests_are_the_reports(own_results: Path) -> None:
    numbers = numbers_of(own_results)
    scope = numbers.scope(["pair"])
    keep_pairs(own_results, scope.key, ["pair"])
    kept = numbers.pairs(scope, wait=0)
    assert kept is not None
    expected = compare_pairs(numbers.comparison(scope)[0])
    pd.testing.assert_frame_equal(kept, frame_of(rows_of_frame(expected)))


def test_tests_are_computed_by_a_process_of_their_own(own_results: Path) -> None:
    numbers = numbers_of(own_results)
    scope = numbers.scope(["pair"])
    assert numbers.kept.get(PAIRS, scope.key) is None
    assert numbers.pairs(scope, wait=120) is not None
    assert numbers.seconds_so_far(scope) > 0
    numbers.close()


def test_a_table_of_pairs_is_kept_without_nan() -> None:
    frame = pd.DataFrame({"a": [1.5, float("nan")], "b": ["x", None]})
    assert rows_of_frame(frame) == {"columns": ["a", "b"], "rows": [[1.5, "x"], [None, None]]}
