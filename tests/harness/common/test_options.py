"""A number that is too small is refused by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.common.options import check_least, check_most, check_option


def test_the_least_value_is_allowed_and_one_below_it_is_named() -> None:
    options = SimpleNamespace(num_samples=1, num_shots=0)
    check_least(options, num_samples=1, num_shots=0)
    with pytest.raises(ValueError, match=r"^num_shots=0 is not allowed: it must be 2 or more$"):
        check_least(options, num_samples=1, num_shots=2)


def test_an_option_that_can_not_be_is_named_with_its_value_and_what_is_allowed() -> None:
    options = SimpleNamespace(share=-0.5)
    check_option(options, "share", possible=True, allowed="above 0")
    with pytest.raises(ValueError, match=r"^share=-0\.5 is not allowed: it must be above 0$"):
        check_option(options, "share", possible=False, allowed="above 0")


def test_the_greatest_value_is_allowed_and_one_above_it_is_named() -> None:
    options = SimpleNamespace(num_beams=10_000)
    check_most(options, num_beams=10_000)
    with pytest.raises(ValueError, match=r"^num_beams=10000 is not allowed: it must be 9,999 or less$"):
        check_most(options, num_beams=9_999)
