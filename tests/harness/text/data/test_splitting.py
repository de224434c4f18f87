"""The split of a name."""

from __future__ import annotations

import pytest

from harness.text.data.splitting import check_fractions, split_by_hash


def test_shares_of_a_hash_split_are_as_asked() -> None:
    splits = [split_by_hash(str(i), validation_fraction=0.1, test_fraction=0.2) for i in range(5000)]
    assert splits.count("validation") / 5000 == pytest.approx(0.1, abs=0.02)
    assert splits.count("test") / 5000 == pytest.approx(0.2, abs=0.02)


def test_the_test_split_does_not_depend_on_the_validation_fraction() -> None:
    for i in range(500):
        assert (split_by_hash(str(i), 0.1, 0.2) == "test") == (split_by_hash(str(i), 0.5, 0.2) == "test")


@pytest.mark.parametrize(("validation", "test"), [(0.0, 0.1), (0.1, 0.0), (-0.1, 0.1), (0.5, 0.5), (float("nan"), 0.1)])
def test_fractions_that_leave_a_split_empty_are_refused(validation: float, test: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        check_fractions(validation, test)
