"""Numbers look alike wherever they are shown."""

from __future__ import annotations

import pytest

from harness.common.numerals import interval, probability, quantity, with_unit


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0521, "0.0521"), (117, "117"), (999.7, "1k"), (801_024, "801k"), (2.7e6, "2.7M"), (1.38e13, "13.8T")],
)
def test_quantities_are_said_in_three_digits(value: float, text: str) -> None:
    assert quantity(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.0663, "bits/byte", "2.066 bits/byte"),
        (0.4813, "share", "48.1 %"),
        (-0.0001, "share", "0.0 %"),
        (1815078436.4453, "per word", "1.82G per word"),
        (12.3456, "perplexity", "12.35 perplexity"),
        (0.5, "", "0.5"),
    ],
)
def test_a_value_has_its_unit_and_no_more_digits_than_it_is_good_for(value: float, unit: str, text: str) -> None:
    assert with_unit(value, unit) == text


def test_an_interval_is_written_as_its_value_is() -> None:
    assert interval(4.017e8, 1.177e10, "per word") == "[402M, 11.8G]"
    assert interval(0.0, 0.0667, "share") == "[0.0, 6.7]"
    assert interval(None, None, "share") == ""


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1.0000"), (0.03125, "0.0312"), (1e-4, "0.0001"), (3.2e-7, "3e-07"), (0.0, "0")]
)
def test_probabilities_have_four_decimals_and_small_ones_their_size(value: float, text: str) -> None:
    assert probability(value) == text
