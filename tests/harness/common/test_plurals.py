"""One of a thing is not called many."""

from __future__ import annotations

from harness.common.plurals import many


def test_one_is_singular_and_all_else_is_plural() -> None:
    assert [many(count, "run") for count in (0, 1, 2, 1200)] == ["0 runs", "1 run", "2 runs", "1,200 runs"]
    assert many(1, "empty file skipped", "empty files skipped") == "1 empty file skipped"
    assert many(2, "is a copy", "are copies") == "2 are copies"
