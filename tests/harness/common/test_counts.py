"""Numbers of things."""

from __future__ import annotations

import pytest

from harness.common.counts import count


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0 documents"), (1, "1 document"), (2, "2 documents"), (1234, "1,234 documents")]
)
def test_one_thing_is_singular(number: int, written: str) -> None:
    assert count(number, "document") == written
