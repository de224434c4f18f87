"""Comparisons of two systems against scipy, statsmodels and exact enumeration."""

from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.statistics.intervals import ratio_of_totals
from harness.statistics.paired_difference import can_be_significant, holm, paired, paired_all

RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize("num_pairs", [2, 5, 10, 13])
def test_the_p_value_of_few_pairs_is_scipys_exact_one(num_pairs: int) -> None:
    a, b = RANDOM.normal(size=num_pairs) + 0.7, RANDOM.normal(size=num_pairs)
    theirs = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=10_000)
    assert paired(a, b).p_value == pytest.approx(theirs.pvalue, abs=1e-12)


def test_the_p_value_of_clusters_is_that_of_every_flip_counted_by_hand() -> None:
    differences, clusters = [0.5, 0.1, 0.9, -0.2, 0.3], ["x", "x", "y", "z", "z"]
    sums = [0.6, 0.9, 0.1]
    flips = [sum(s * d for s, d in zip(signs, sums, strict=True)) for signs in itertools.product([1, -1], repeat=3)]
    by_hand = sum(abs(flip) >= sum(sums) - 1e-9 for flip in flips) / 8
    assert paired(differences, [0.0] * 5, clusters).p_value == by_hand


def test_the_p_value_of_many_pairs_agrees_with_scipys_random_one() -> None:
    a = RANDOM.normal(size=200)
    b = a + RANDOM.normal(size=200) + 0.13
    theirs = stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=50_000, rng=np.random.default_rng(1)
    )
    assert paired(a, b).p_value == pytest.approx(theirs.pvalue, abs=4 * math.sqrt(theirs.pvalue / 10_000))


def test_a_paired_interval_agrees_with_scipys_bootstrap_of_the_differences() -> None:
    a = RANDOM.normal(size=120)
    b = a + 0.2 * RANDOM.normal(size=120)
    theirs = stats.bootstrap((a - b,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(0))
    ours = paired(a, b)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.difference.ci_low == pytest.approx(theirs.confidence_interval.low, abs=0.05 * width)
    assert ours.difference.stderr == pytest.approx(stats.sem(a - b), rel=1e-12)


def test_the_smallest_detectable_difference_is_found_80_times_in_100() -> None:
    generator = np.random.default_rng(5)
    noise = generator.normal(size=(400, 60))
    detectable = paired(noise[0], np.zeros(60)).smallest_detectable_difference
    assert detectable == pytest.approx(2.8016 * stats.sem(noise[0]), rel=1e-3)
    shift = 2.8016 / math.sqrt(60)  # of unit noise
    num_detected = sum(stats.ttest_1samp(row + shift, 0).pvalue < 0.05 for row in noise)
    assert num_detected / 400 == pytest.approx(0.8, abs=0.06)


def test_paired_totals_are_the_difference_of_the_two_ratios() -> None:
    nats_a, nats_b, num_bytes = RANDOM.gamma(5, size=(3, 40))
    difference = paired(nats_a, nats_b, denominators=num_bytes, scale=1 / math.log(2)).difference
    one, other = (ratio_of_totals(nats, num_bytes, scale=1 / math.log(2)).value for nats in (nats_a, nats_b))
    assert one is not None
    assert other is not None
    assert difference.value == pytest.approx(one - other)


def test_a_pair_counts_only_where_both_were_measured() -> None:
    difference = paired([1.0, None, 3.0, 4.0], [0.5, 1.0, math.nan, 3.0]).difference
    assert (difference.value, difference.n, difference.n_total) == (0.75, 2, 4)
    nothing = paired([1.0, None], [None, 1.0])
    assert (nothing.difference.value, nothing.p_value) == (None, None)
    assert nothing.difference.reason == "no sample was measured in both"


def test_equal_models_have_no_interval_rather_than_a_certain_one() -> None:
    result = paired([0.0] * 30, [0.0] * 30)
    assert (result.difference.value, result.p_value, result.smallest_detectable_difference) == (0.0, 1.0, None)
    assert result.difference.ci_low is None
    assert result.difference.reason == "every pair is equal: no interval"


def test_all_pairs_at_once_are_each_pair_alone() -> None:
    models = [[*RANDOM.normal(size=30).tolist(), None], RANDOM.normal(size=(2, 31)), RANDOM.normal(size=31)]
    together = paired_all(models, denominators=[2.0] * 31)
    assert set(together) == {(0, 1), (0, 2), (1, 2)}
    for (i, j), difference in together.items():
        assert difference == paired(models[i], models[j], denominators=[2.0] * 31)


def test_several_seeds_widen_a_paired_interval() -> None:
    base = RANDOM.normal(size=200)
    a = [base + shift for shift in (-0.5, 0.0, 0.5)]
    b = [base + 0.01 * RANDOM.normal(size=200)]
    seeds, alone = paired(a, b), paired(np.mean(a, axis=0), b[0])
    assert seeds.difference.value == pytest.approx(alone.difference.value)
    assert seeds.difference.stderr == pytest.approx(0.5 / math.sqrt(3), rel=0.1)
    assert alone.difference.stderr is not None
    assert alone.difference.stderr < 0.01


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """What is in memory is out of the garbage collector's way: statsmodels starts it at each call."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen")
@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)  # type: ignore


def test_holm_is_the_textbook_step_down_and_ignores_what_is_missing() -> None:
    # Holm 1979: sorted 0.01, 0.03, 0.04 times 3, 2, 1, made monotone.
    assert holm([0.04, None, 0.01, 0.03]) == pytest.approx([0.06, None, 0.03, 0.06])
    assert holm([None]) == [None]
    assert holm([]) == []


@pytest.mark.parametrize("num_clusters", [1, 3, 5, 6])
def test_a_design_can_decide_where_its_smallest_p_is_below_a_twentieth(num_clusters: int) -> None:
    smallest = paired([1.0] * num_clusters, [0.0] * num_clusters, list(range(num_clusters)))
    assert smallest.p_value is not None
    assert can_be_significant(num_clusters) == (smallest.p_value < 0.05)
