"""Estimates against scipy, statsmodels and hand computation; comparisons against exact enumeration."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.statistics import resampling
from harness.statistics.intervals import LOPSIDED, mean, median, over_seeds, quantile, ratio_of_totals
from harness.statistics.paired_difference import paired

RANDOM = np.random.default_rng(7)
SKEWED = RANDOM.gamma(2.0, size=80)


def test_missing_values_are_left_out_of_n_and_counted_in_n_total() -> None:
    estimate = mean([1.0, None, 3.0, math.nan])
    assert (estimate.value, estimate.n, estimate.n_total) == (2.0, 2, 4)


@pytest.mark.parametrize("values", [[], [None], [None, math.nan]])
def test_nothing_measured_gives_no_value_and_a_reason_never_zero(values: list[float | None]) -> None:
    for estimate in (mean(values), median(values), ratio_of_totals(values, values), over_seeds([values, values])):
        assert estimate.value is None
        assert estimate.n == 0
        assert estimate.reason == ("every value is missing" if values else "no samples")


def test_infinite_values_give_no_value_and_say_how_many() -> None:
    estimate = mean([1.0, math.inf, math.inf])
    assert estimate.value is None
    assert estimate.reason == "2 of the values are infinite"


def test_one_sample_has_a_value_and_no_interval() -> None:
    estimate = mean([2.5])
    assert (estimate.value, estimate.ci_low, estimate.ci_high, estimate.stderr) == (2.5, None, None, None)
    assert estimate.reason == "one sample: no interval"


def test_one_cluster_has_no_interval_however_many_samples_it_holds() -> None:
    estimate = mean([2.0, 3.0, 4.0], ["hamlet"] * 3)
    assert (estimate.value, estimate.ci_low) == (3.0, None)
    assert estimate.reason == "all samples are in one cluster: no interval"


def test_fewer_than_five_clusters_have_no_interval() -> None:
    for few in (mean([2.0, 3.0, 4.5], "abc"), median([2.0, 3.0, 4.5, 5.0]), ratio_of_totals([1.0, 2.0], [2.0, 2.0])):
        assert (few.ci_low, few.ci_high, few.stderr) == (None, None, None)
        assert "no interval, which takes 5" in str(few.reason)
    assert mean([2.0, 3.0, 4.5, 5.0, 7.0]).ci_low is not None


def test_a_mean_of_independent_samples_has_scipy_s_t_interval() -> None:
    theirs = stats.ttest_1samp(SKEWED, 0).confidence_interval(0.95)
    ours = mean(SKEWED)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert (ours.stderr, ours.df) == pytest.approx((stats.sem(SKEWED), 79))


@pytest.mark.parametrize("values", [[1.0] * 4, [0.0] * 4, [1.0, 0.0, 1.0, 1.0]])
def test_shares_too_have_no_interval_below_five_clusters(values: list[float]) -> None:
    estimate = mean(values)
    assert (estimate.value, estimate.ci_low, estimate.ci_high) == (np.mean(values), None, None)
    assert estimate.reason is not None
    assert mean([*values, 1.0]).ci_low is not None


def test_a_mean_of_equal_clusters_is_that_of_their_means() -> None:
    values, clusters = RANDOM.normal(size=60), np.repeat(np.arange(12), 5)
    theirs = stats.ttest_1samp(values.reshape(12, 5).mean(axis=1), 0).confidence_interval(0.95)
    ours = mean(values, clusters)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_a_ratio_of_totals_has_the_jackknife_s_interval() -> None:
    nats, num_bytes = RANDOM.gamma(50.0, size=60) * 3, RANDOM.integers(50, 500, 60).astype(float)
    clusters = RANDOM.permutation(60) % 15
    ours = ratio_of_totals(nats, num_bytes, clusters, scale=1 / math.log(2))
    whole = nats.sum() / num_bytes.sum() / math.log(2)
    without = [
        nats[clusters != cluster].sum() / num_bytes[clusters != cluster].sum() / math.log(2) for cluster in range(15)
    ]
    stderr = math.sqrt(14 / 15 * sum((whole - one) ** 2 for one in without))
    assert (ours.value, ours.stderr, ours.df) == pytest.approx((whole, stderr, 14))
    assert ours.ci_high == pytest.approx(whole + stats.t.ppf(0.975, 14) * stderr)


def test_sources_of_fixed_shares_are_strata() -> None:
    """Two sources of very different level: what differs between them is no luck. By hand, as in any book on surveys."""
    strata = ["play"] * 10 + ["sum"] * 20
    values = np.concatenate([RANDOM.normal(10, 1, 10), RANDOM.normal(0, 2, 20)])
    ours = mean(values, strata=strata)
    parts = [values[:10].var(ddof=1) / 10 / 9, values[10:].var(ddof=1) / 20 * 4 / 9]
    df = sum(parts) ** 2 / (parts[0] ** 2 / 9 + parts[1] ** 2 / 19)
    assert (ours.value, ours.stderr, ours.df) == pytest.approx((values.mean(), math.sqrt(sum(parts)), df))
    assert mean(values).stderr > 2 * ours.stderr  # type: ignore[operator]


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_clustered_share_has_wilson_s_interval_at_the_effective_size(share: float) -> None:
    values = (RANDOM.random(30)[:, None] < share) & (RANDOM.random((30, 5)) < 0.9)
    values[0] = True
    estimate = mean(values.ravel(), np.repeat(np.arange(30), 5))
    stderr = stats.sem(values.mean(axis=1))
    value = values.mean()
    trials = value * (1 - value) / stderr**2 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 29)) ** 2
    theirs = proportion_confint(value * trials, trials, method="wilson")
    assert trials < 150
    assert (estimate.ci_low, estimate.ci_high, estimate.stderr) == pytest.approx((*theirs, stderr), abs=1e-9)


def test_clusters_of_which_a_few_count_for_most_are_warned_of() -> None:
    generator = np.random.default_rng(2)
    warned = {
        name: sum(LOPSIDED in str(mean(values).reason) for values in draws) / 200
        for name, draws in (
            ("normal", generator.normal(size=(200, 20))),
            ("lognormal", generator.lognormal(0, 1.5, size=(200, 20))),
        )
    }
    assert warned["normal"] < 0.06
    assert warned["lognormal"] > 0.7


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_share_of_independent_samples_has_the_wilson_interval_of_statsmodels(share: float) -> None:
    values = [True] * round(40 * share) + [False] * round(40 * (1 - share))
    estimate = mean(values)
    assert estimate.value == share
    theirs = proportion_confint(round(40 * share), 40, method="wilson")
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx(theirs, abs=1e-12)
    assert mean(values, clusters=range(40)) == estimate  # type: ignore[arg-type]


def test_a_clustered_share_of_all_zeros_does_not_claim_certainty() -> None:
    estimate = mean([0.0] * 100, clusters=[i // 10 for i in range(100)])
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx(proportion_confint(0, 10, method="wilson"), abs=1e-12)
    assert estimate.stderr


def test_a_ratio_of_totals_is_not_a_mean_of_ratios_and_does_not_change_when_a_document_is_cut_in_two() -> None:
    nats, sizes = [100.0, 10.0, 20.0, 30.0, 40.0], [50.0, 20.0, 30.0, 40.0, 50.0]
    whole = ratio_of_totals(nats, sizes)
    cut = ratio_of_totals([60.0, 40.0, *nats[1:]], [20.0, 30.0, *sizes[1:]], clusters="aabcde")
    assert whole.value == cut.value == 200 / 190
    assert (whole.ci_low, whole.ci_high) == pytest.approx((cut.ci_low, cut.ci_high))


def test_a_total_of_zero_bytes_has_no_value() -> None:
    assert ratio_of_totals([1.0, 2.0], [0.0, 0.0]).reason == "the denominators add up to 0"


def test_the_interval_of_a_median_agrees_with_scipy() -> None:
    theirs = stats.bootstrap(
        (SKEWED,), np.median, method="percentile", n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    ours = median(SKEWED)
    assert ours.value == np.median(SKEWED)
    width = theirs.high - theirs.low
    assert ours.ci_low == pytest.approx(theirs.low, abs=0.1 * width)
    assert ours.ci_high == pytest.approx(theirs.high, abs=0.1 * width)


@pytest.mark.parametrize("q", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_quantile_s_interval_is_that_of_numpys_quantiles_of_the_drawn_values(q: float) -> None:
    ordered = np.sort(SKEWED[:12])
    drawn = [
        np.quantile(np.repeat(ordered, counts.astype(int)), q)
        for portion in resampling.cluster_counts(12)
        for counts in portion
    ]
    estimate = quantile(ordered, q)
    assert estimate.value == pytest.approx(np.quantile(ordered, q))
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_clusters_widen_the_interval_of_samples_that_are_alike() -> None:
    documents = np.repeat(np.arange(20), 30)
    values = RANDOM.normal(size=20)[documents] + 0.1 * RANDOM.normal(size=600)
    alone, clustered = mean(values), mean(values, documents)
    assert clustered.stderr is not None
    assert alone.stderr is not None
    assert clustered.stderr > 4 * alone.stderr


def test_a_clustered_interval_covers_the_truth_about_95_times_in_100() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        documents = np.repeat(np.arange(40), 5)
        estimate = mean(generator.normal(size=40)[documents] + generator.normal(size=200), documents)
        assert estimate.ci_low is not None
        assert estimate.ci_high is not None
        covered += estimate.ci_low <= 0 <= estimate.ci_high
    assert 0.90 <= covered / 300 <= 0.98


def test_the_same_numbers_give_the_same_answer_in_any_order_of_calls() -> None:
    first = (mean(SKEWED), paired(SKEWED, SKEWED + 0.1))
    mean(RANDOM.normal(size=33))
    assert (paired(SKEWED, SKEWED + 0.1), mean(SKEWED)) == (first[1], first[0])
    np.random.seed(0)  # noqa: NPY002 - the global generator must not matter
    assert mean(SKEWED) == first[0]


def test_over_one_seed_the_interval_says_that_it_leaves_training_out() -> None:
    estimate = over_seeds([SKEWED])
    assert (estimate.value, estimate.ci_low) == (mean(SKEWED).value, mean(SKEWED).ci_low)
    assert estimate.reason == "one seed: the interval covers test samples, not training"
    assert over_seeds([SKEWED], seeds_vary=False).reason is None


def test_over_seeds_the_spread_between_seeds_widens_the_interval() -> None:
    base = RANDOM.normal(size=300)
    alike = over_seeds([base, base, base])
    apart = over_seeds([base - 1, base, base + 1])
    assert alike.value == pytest.approx(apart.value)
    assert alike.stderr == pytest.approx(stats.sem(base))
    assert (alike.sd_seeds, apart.sd_seeds) == pytest.approx((0.0, 1.0), abs=1e-9)
    assert apart.stderr_samples == pytest.approx(stats.sem(base))
    # Var = var(seeds) / S + var(samples) / N; nothing differs by seed and sample alike
    assert apart.stderr == pytest.approx(math.hypot(1 / math.sqrt(3), float(stats.sem(base))))


def test_seeds_that_share_samples_do_not_reduce_the_uncertainty_of_the_test_set() -> None:
    base = RANDOM.normal(size=100)
    assert over_seeds([base] * 10).stderr == pytest.approx(stats.sem(base))


def test_over_seeds_ratios_are_the_mean_of_each_seeds_ratio_of_totals() -> None:
    nats = [[10.0, 20.0, 33.0], [12.0, 18.0, 30.0]]
    num_bytes = [[5.0, 6.0, 7.0]] * 2
    estimate = over_seeds(nats, denominators=num_bytes, scale=2.0)
    assert estimate.value == pytest.approx((2 * 63 / 18 + 2 * 60 / 18) / 2)
    assert (estimate.n, estimate.n_total) == (6, 6)


def test_over_seeds_each_seed_has_its_own_missing_samples() -> None:
    """A seed's measure is over the samples that it has; a cluster is left out of every seed at once."""
    values, clusters = RANDOM.normal(size=(3, 24)), np.arange(24) % 8
    values[0, :3], values[2, 10] = math.nan, math.nan
    values[:, 20] = math.nan
    estimate = over_seeds(list(values), clusters)
    assert estimate.value == pytest.approx(np.nanmean(values, axis=1).mean())
    assert (estimate.n, estimate.n_total) == (72 - 3 - 1 - 3, 72)
    without = [np.nanmean(values[:, clusters != cluster], axis=1).mean() for cluster in range(8)]
    variance = 7 / 8 * sum((estimate.value - one) ** 2 for one in without)  # type: ignore[operator]
    assert estimate.stderr_samples == pytest.approx(math.sqrt(variance))
    assert estimate.sd_seeds == pytest.approx(np.nanmean(values, axis=1).std(ddof=1))


def test_over_seeds_a_share_has_wilson_s_interval_at_the_effective_size() -> None:
    values = (RANDOM.random((3, 40)) < np.array([[0.3], [0.5], [0.7]])).astype(float)
    share, numbers = over_seeds(list(values)), over_seeds(list(2 * values))
    half_width = (numbers.ci_high - numbers.ci_low) / 4  # type: ignore[operator]  # of the same numbers doubled
    value = values.mean()
    trials = value * (1 - value) * (stats.norm.ppf(0.975) / half_width) ** 2
    assert trials < 120
    theirs = proportion_confint(value * trials, trials, method="wilson")
    assert (share.ci_low, share.ci_high) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("num_clusters_with", "trials"), [(9, 100), (10, 300)])
def test_seeds_add_trials_to_a_share_only_where_ten_clusters_have_the_rarer_outcome(
    num_clusters_with: int, trials: int
) -> None:
    """One sample of one seed in each of a few clusters: their variance alone would allow for more trials."""
    values = np.zeros((3, 20, 5))
    for cluster in range(num_clusters_with):
        values[cluster % 3, cluster, 0] = 1.0
    for shown in (values, 1 - values):
        estimate = over_seeds(list(shown.reshape(3, 100)), np.repeat(np.arange(20), 5))
        theirs = proportion_confint(shown.mean() * trials, trials, method="wilson")
        assert (estimate.ci_low, estimate.ci_high) == pytest.approx(theirs, abs=1e-9)


def test_a_source_of_one_cluster_counts_with_the_smallest_other_one() -> None:
    values, strata = RANDOM.normal(size=20), ["play"] + ["chat"] * 7 + ["sum"] * 12
    assert mean(values, strata=strata) == mean(values, strata=["chat"] * 8 + ["sum"] * 12)
    assert mean(values, strata=strata) != mean(values)


def test_over_seeds_shares_that_are_all_zero_do_not_claim_certainty() -> None:
    estimate = over_seeds([[0.0] * 50, [0.0] * 50])
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx(proportion_confint(0, 50, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ratio_of_totals([1.0], [1.0, 2.0]),
        lambda: mean([1.0, 2.0], ["a"]),
        lambda: mean([1.0, 2.0], strata=["a"]),
        lambda: paired([1.0], [1.0, 2.0]),
        lambda: paired([1.0], [1.0], denominators=[1.0, 2.0]),
        lambda: over_seeds([[1.0], [1.0, 2.0]]),
        lambda: over_seeds([[1.0]], denominators=[[1.0, 2.0]]),
        lambda: quantile([1.0], 1.5),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"samples|values|numerators|pairs|quantile"):
        call()  # type: ignore[operator]


def test_statistics_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import harness.statistics.intervals as s; print(s.mean([0, 1]).value)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "0.5", done.stderr
