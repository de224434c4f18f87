"""A number that is too small is refused by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.common.options import check_least


def test_the_least_value_is_allowed_and_one_below_it_is_named() -> None:
    options = SimpleNamespace(num_samples=1, num_shots=0)
    check_least(options, num_samples=1, num_shots=0)
    with pytest.raises(ValueError, match=r"^num_shots=0 is not allowed: it must be 2 or more$"):
        check_least(options, num_samples=1, num_shots=2)
