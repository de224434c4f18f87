"""Comparisons of two systems against scipy, statsmodels and exact enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.intervals import ratio_of_totals
from harness.statistics.paired_difference import can_be_significant, paired, paired_all

RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize("num_pairs", [2, 5, 10, 13])
def test_the_p_value_of_few_pairs_is_scipys_exact_one(num_pairs: int) -> None:
    a, b = RANDOM.normal(size=num_pairs) + 0.7, RANDOM.normal(size=num_pairs)
    theirs = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=10_000)
    assert paired(a, b).p_value_these_fits == pytest.approx(theirs.pvalue, abs=1e-12)


def test_the_p_value_of_clusters_is_that_of_every_flip_counted_by_hand() -> None:
    differences, clusters = [0.5, 0.1, 0.9, -0.2, 0.3], ["x", "x", "y", "z", "z"]
    sums = [0.6, 0.9, 0.1]
    flips = [sum(s * d for s, d in zip(signs, sums, strict=True)) for signs in itertools.product([1, -1], repeat=3)]
    by_hand = sum(abs(flip) >= sum(sums) - 1e-9 for flip in flips) / 8
    assert paired(differences, [0.0] * 5, clusters).p_value_these_fits == by_hand


def test_the_p_value_of_many_pairs_agrees_with_scipys_random_one() -> None:
    a = RANDOM.normal(size=200)
    b = a + RANDOM.normal(size=200) + 0.13
    theirs = stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=50_000, rng=np.random.default_rng(1)
    )
    assert paired(a, b).p_value_these_fits == pytest.approx(theirs.pvalue, abs=4 * math.sqrt(theirs.pvalue / 10_000))


def test_of_single_fits_interval_and_p_are_scipys_paired_t_test() -> None:
    a = RANDOM.normal(size=120)
    b = a + 0.2 * RANDOM.normal(size=120) + 0.03
    theirs = stats.ttest_rel(a, b)
    ours = paired(a, b)
    assert (ours.p_value, ours.difference.df) == pytest.approx((theirs.pvalue, 119), rel=1e-9)
    low, high = theirs.confidence_interval(0.95)
    assert (ours.difference.ci_low, ours.difference.ci_high) == pytest.approx((low, high), rel=1e-9)


def test_p_is_below_a_twentieth_exactly_where_the_interval_leaves_0_out() -> None:
    generator = np.random.default_rng(11)
    for _ in range(200):
        base = generator.normal(size=20)
        sides = [
            base + generator.normal(0, 0.3, (3, 1)) + generator.normal(0.2 * side, 0.5, (3, 20)) for side in (0, 1)
        ]
        result = paired(*(list(side) for side in sides))
        low, high = result.difference.ci_low, result.difference.ci_high
        assert low is not None
        assert high is not None
        assert result.p_value is not None
        assert (result.p_value < 0.05) == (not low <= 0 <= high)


def test_where_only_seeds_vary_the_test_is_welch_s() -> None:
    """Every cluster has the same share in a seed's luck, and next to none of its own."""
    generator = np.random.default_rng(4)
    base = generator.normal(size=50)
    tiny = 1e-7 * generator.normal(size=(2, 50))
    luck = generator.normal(size=4), generator.normal(0.5, 3.0, size=6)
    a, b = ([base + tiny[side] + shift for shift in luck[side]] for side in (0, 1))
    theirs = stats.ttest_ind(*luck, equal_var=False)
    ours = paired(a, b)
    assert ours.difference.df == pytest.approx(theirs.df, rel=1e-3)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-3)
    assert ours.difference.stderr == pytest.approx(math.sqrt(np.var(luck[0], ddof=1) / 4 + np.var(luck[1], ddof=1) / 6))


def test_a_family_takes_three_seeds_unless_every_seed_gives_the_same_fit() -> None:
    base, noise = RANDOM.normal(size=30), RANDOM.normal(size=(6, 30))
    one, two, three = ([base + noise[seed] for seed in range(count)] for count in (1, 2, 3))
    counted = [base + noise[5]]
    assert not paired(one, three).is_about_families
    assert not paired(three, two).is_about_families
    assert not paired(three, counted).is_about_families
    assert paired(three, three[::-1]).is_about_families
    assert paired(three, counted, seeds_vary=(True, False)).is_about_families
    fits = paired(two, counted)
    mean_of_two = paired(np.mean(two, axis=0), counted[0])
    assert fits.p_value == pytest.approx(mean_of_two.p_value)  # of these fits: the seeds' luck is left out


def test_how_often_a_seed_of_the_first_is_higher_is_counted() -> None:
    flat = RANDOM.normal(size=30)
    a, b = [flat + shift for shift in (1.0, 2.0, 3.0)], [flat + shift for shift in (2.0, 2.5)]
    result = paired(a, b)
    assert result.probability_first_is_higher == pytest.approx((0 + 0 + 0.5 + 0 + 1 + 1) / 6)
    assert paired(a[0], b[0]).probability_first_is_higher is None


def test_strategies_of_the_same_fits_share_the_seeds_luck() -> None:
    base, luck = RANDOM.normal(size=40), np.array([[-3.0], [0.0], [3.0]])
    a = list(base + luck + 0.1 * RANDOM.normal(size=(3, 40)))
    b = list(base + luck + 0.1 * RANDOM.normal(size=(3, 40)) - 0.2)
    apart = paired_all([a, b])[0][0, 1]
    together = paired_all([a, b], same_fits=True)[0][0, 1]
    assert apart.p_value > 0.5  # type: ignore[operator]
    assert together.p_value < 1e-3  # type: ignore[operator]


def test_where_only_seeds_vary_strategies_of_the_same_fits_are_a_paired_test_over_seeds() -> None:
    generator = np.random.default_rng(8)
    base, tiny = generator.normal(size=50), 1e-7 * generator.normal(size=(2, 50))
    luck = generator.normal(0, 3, 5)
    levels = luck, luck + generator.normal(0.4, 0.5, 5)
    a, b = ([base + tiny[side] + level for level in levels[side]] for side in (0, 1))
    theirs = stats.ttest_rel(*levels)
    ours = paired_all([a, b], same_fits=True)[0][0, 1]
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-3)
    low, high = theirs.confidence_interval(0.95)
    assert (ours.difference.ci_low, ours.difference.ci_high) == pytest.approx((low, high), rel=1e-3)


def test_one_recipe_with_other_seeds_does_not_differ() -> None:
    """Fits of one family in two groups of three seeds, whose luck is as large as that of the test set."""
    generator = np.random.default_rng(9)
    num_different = 0
    for _ in range(400):
        base = generator.normal(size=60)
        luck, noise = generator.normal(0, 60**-0.5, (6, 1)), generator.normal(0, 0.3, (6, 60))
        fits = base + luck + noise
        num_different += paired(list(fits[:3]), list(fits[3:])).p_value < 0.05  # type: ignore[operator]
    assert num_different / 400 < 0.055


def test_the_smallest_detectable_difference_is_found_80_times_in_100() -> None:
    generator = np.random.default_rng(5)
    noise = generator.normal(size=(400, 20))
    detectable = paired(noise[0], np.zeros(20)).smallest_detectable_difference
    assert detectable == pytest.approx((stats.t.ppf(0.975, 19) + stats.t.ppf(0.8, 19)) * stats.sem(noise[0]))
    shift = (stats.t.ppf(0.975, 19) + stats.t.ppf(0.8, 19)) / math.sqrt(20)  # of unit noise
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
    assert "no interval" in str(difference.reason)
    nothing = paired([1.0, None], [None, 1.0])
    assert (nothing.difference.value, nothing.p_value) == (None, None)
    assert nothing.difference.reason == "no sample was measured in both"


def test_equal_models_have_no_interval_rather_than_a_certain_one() -> None:
    result = paired([0.0] * 30, [0.0] * 30)
    assert (result.difference.value, result.p_value, result.p_value_these_fits) == (0.0, None, 1.0)
    assert result.smallest_detectable_difference is None
    assert result.difference.ci_low is None
    assert result.difference.reason == "every pair is equal: no interval"
    shifted = paired([1.0] * 30, [0.0] * 30)
    assert (shifted.difference.value, shifted.difference.ci_low, shifted.p_value) == (1.0, None, None)
    assert shifted.difference.reason == "every cluster differs by the same: no interval"


def test_all_pairs_at_once_are_each_pair_alone() -> None:
    models = [[*RANDOM.normal(size=30).tolist(), None], RANDOM.normal(size=(2, 31)), RANDOM.normal(size=31)]
    together, tests = paired_all(models, denominators=[2.0] * 31)
    assert tests.p_values == {pair: difference.p_value for pair, difference in together.items()}
    assert set(together) == {(0, 1), (0, 2), (1, 2)}
    for (i, j), difference in together.items():
        assert difference == paired(models[i], models[j], denominators=[2.0] * 31)


def test_several_seeds_widen_a_paired_interval() -> None:
    base = RANDOM.normal(size=200)
    a = [base + shift for shift in (-0.5, 0.0, 0.5)]
    b = [base + 0.01 * RANDOM.normal(size=200)]
    seeds, alone = paired(a, b, seeds_vary=(True, False)), paired(np.mean(a, axis=0), b[0])
    assert seeds.difference.value == pytest.approx(alone.difference.value)
    assert seeds.difference.stderr == pytest.approx(0.5 / math.sqrt(3), rel=1e-3)
    assert alone.difference.stderr is not None
    assert alone.difference.stderr < 0.01


@pytest.mark.parametrize("num_clusters", [1, 3, 4, 5, 6])
def test_a_design_can_decide_where_it_has_an_interval(num_clusters: int) -> None:
    noise = RANDOM.normal(size=num_clusters)
    result = paired(noise + 100, np.zeros(num_clusters))
    assert can_be_significant(num_clusters) == (result.p_value is not None and result.p_value < 0.05)
