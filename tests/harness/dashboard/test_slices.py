from __future__ import annotations

import pytest

from harness.dashboard.choices import Choices
from harness.dashboard.site import Site
from harness.dashboard.slices import slice_rows, slice_table


def test_a_slices_values_are_those_of_the_comparison(site: Site) -> None:
    scope = site.scope(Choices())
    board, (comparison, _) = site.board(scope, Choices()), site.numbers.comparison(scope)
    assert board is not None
    rows = slice_rows(site, scope, board, "ngram", "gru")
    for row in rows:
        measure = next(m for m in board.measures if (m.eval, m.metric) == (row.eval, row.metric))
        for value, system in ((row.first, "gru"), (row.second, "ngram")):
            cell = comparison.cell(system, row.decoding, measure, row.slice)
            assert cell is not None
            assert value == pytest.approx(cell.estimate.value)
        if row.difference is not None and row.first is not None and row.second is not None:
            assert row.difference == pytest.approx(row.first - row.second)
    assert [row.p for row in rows if row.p is not None] == sorted(row.p for row in rows if row.p is not None)
    assert len(slice_table(rows)) == len(rows) > 10


def test_they_are_computed_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = site.scope(Choices())
    board = site.board(scope, Choices())
    assert board is not None
    first = slice_rows(site, scope, board, "ngram", "rnn")
    monkeypatch.setattr("harness.dashboard.slices._of_measure", lambda *_: pytest.fail("computed again"))
    assert slice_rows(site, scope, board, "ngram", "rnn") == first
