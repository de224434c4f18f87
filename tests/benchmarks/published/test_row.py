"""When a value of ours agrees with a published one."""

from __future__ import annotations

import pytest

from benchmarks.published.row import Row


def row(theirs: float | str, ours: float | str, digits: int, tolerance: float | None) -> Row:
    return Row("a loss", theirs, ours, digits, tolerance, "in one pass", "a paper")


@pytest.mark.parametrize(
    ("theirs", "ours", "digits", "tolerance", "is_within"),
    [
        (2.1118, 2.11184, 4, 0, True),
        (2.1118, 2.11186, 4, 0, False),
        (2.1118, 2.11176, 4, 0, True),
        (1.92, 1.9449, 2, 0.02, True),
        (1.92, 1.9451, 2, 0.02, False),
        (1.92, 1.8949, 2, 0.02, False),
        ("a < b", "a < b", 1, 0, True),
        ("a < b", "b < a", 1, 0, False),
        (1.92, 3.0, 2, None, None),
    ],
)
def test_ours_agrees_if_as_printed_it_is_within_the_tolerance(
    theirs: float | str, ours: float | str, digits: int, tolerance: float | None, is_within: bool | None
) -> None:
    assert row(theirs, ours, digits, tolerance).is_within is is_within


def test_cells_print_as_many_digits_as_were_published() -> None:
    cells = row(1.92, 1.9351, 2, 0.02).cells()
    assert (cells["theirs"], cells["ours"], cells["difference"], cells["within"]) == ("1.92", "1.94", "+0.02", "yes")
    assert row("a < b", "b < a", 1, 0).cells()["within"] == "NO"
    assert row(1.92, 1.9351, 2, None).cells()["tolerance"] == "order only"
