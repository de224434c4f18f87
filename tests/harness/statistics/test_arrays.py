"""Values, clusters and seeds as arrays, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.statistics.arrays import cluster_codes, cluster_sums, divided, floats, refusal, seed_matrix


def test_clusters_are_numbered_as_they_appear_and_each_has_its_total() -> None:
    codes = cluster_codes(["play", "chat", "play", "talk"], 4)
    assert codes.tolist() == [0, 1, 0, 2]
    assert cluster_codes(np.array(["play", "chat", "play", "talk"]), 4).tolist() == [0, 1, 0, 2]
    assert cluster_sums(codes, np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [4.0, 2.0, 4.0]
    assert cluster_codes(None, 3).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="4 values and 1 clusters"):
        cluster_codes(["play"], 4)


def test_a_division_by_zero_gives_no_number() -> None:
    shares = divided(np.array([1.0, 0.0, 3.0]), np.array([4.0, 0.0, 0.0]))
    np.testing.assert_array_equal(shares, [0.25, math.nan, math.nan])


def test_a_missing_value_is_no_number_and_no_zero() -> None:
    np.testing.assert_array_equal(floats([1, None, True, 0.5]), [1.0, math.nan, 1.0, 0.5])
    assert floats(np.array([True, False])).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        floats(np.array([[1, 2]]))


def test_a_single_row_of_values_is_one_seed() -> None:
    assert seed_matrix([1, 2]).tolist() == seed_matrix([[1, 2]]).tolist() == seed_matrix(np.array([1, 2])).tolist()
    np.testing.assert_array_equal(seed_matrix([None, 2.0]), [[math.nan, 2.0]])
    assert seed_matrix([[1, 2], [3, 4]]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(ValueError, match=r"seeds have \[1, 2\] samples"):
        seed_matrix([[1], [2, 3]])


def test_a_value_is_refused_without_samples_without_measurements_or_with_infinities() -> None:
    assert refusal(np.array([]), 0, 0) == "no samples"
    assert refusal(np.array([]), 0, 5) == "every value is missing"
    assert refusal(np.array([]), 0, 5, "no answers") == "no answers"
    assert refusal(np.array([1.0, math.inf, -math.inf]), 3, 3) == "2 of the values are infinite"
    assert refusal(np.array([1.0]), 1, 5) is None
