"""Costs add up."""

from __future__ import annotations

from harness.training.spent import Spent


def test_every_part_is_added() -> None:
    one = Spent(1, 0.5, 10.0, 2, 3, 4, 5, 6)
    assert one + one == Spent(2, 1.0, 20.0, 4, 6, 8, 10, 12)
    assert sum([one, one, one], Spent()) == one + one + one
