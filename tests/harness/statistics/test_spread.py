"""Variances over clusters and seeds, against plain loops, an analysis of variance and the published formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics.spread import (
    Uncertainty,
    Variance,
    combined_df,
    skewness,
    spread,
    strata_of_clusters,
    t_quantile,
    two_sided_p,
)

RANDOM = np.random.default_rng(5)
ONE = np.zeros(12, dtype=np.int64)


def test_the_effects_are_those_of_leaving_out_each_cluster_of_its_stratum() -> None:
    tops, bottoms = RANDOM.gamma(3, size=(2, 40)), RANDOM.gamma(5, size=(2, 40))
    codes = np.concatenate([np.arange(12), RANDOM.integers(0, 12, 28)])
    strata = np.array([0, 1, 2] * 4)
    ours = spread(tops, bottoms, codes, strata, 2.0)
    for seed in range(2):
        top, bottom = tops[seed], bottoms[seed]
        assert ours.per_seed[seed] == pytest.approx(2 * top.sum() / bottom.sum())
        for cluster in range(12):
            whole = np.isin(codes, np.flatnonzero(strata == strata[cluster]))
            rest = whole & (codes != cluster)
            fall = top[whole].sum() / bottom[whole].sum() - top[rest].sum() / bottom[rest].sum()
            expected = 2 * bottom[whole].sum() / bottom.sum() * fall * math.sqrt(3 / 4)
            assert ours.effects[seed, cluster] == pytest.approx(expected)


def test_over_clusters_the_variance_is_statsmodels_robust_one() -> None:
    """CR3 without its factor K / (K - 1): of one sample a cluster HC3, of equal clusters the usual clustered one."""
    tops, sizes = RANDOM.gamma(3, size=12), RANDOM.gamma(5, size=12)
    hc3 = sm.WLS(tops / sizes, np.ones(12), weights=sizes).fit(cov_type="HC3").bse[0]
    ours = spread(tops[None], sizes[None], np.arange(12), ONE, 1.0).over_clusters()
    assert ours.total == pytest.approx(11 / 12 * hc3**2)
    values, codes = RANDOM.normal(size=60), np.repeat(np.arange(12), 5)
    clustered = sm.OLS(values, np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": codes}).bse[0]
    assert spread(values[None], np.ones((1, 60)), codes, ONE, 1.0).over_clusters().total == pytest.approx(clustered**2)


def test_seeds_and_clusters_are_the_two_way_analysis_of_variance() -> None:
    table = RANDOM.normal(size=(4, 12)) + RANDOM.normal(0, 3, (4, 1)) + RANDOM.normal(0, 2, 12)
    ours = spread(table, np.ones_like(table), np.arange(12), ONE, 1.0)
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    of_seeds = 12 * rows.var(ddof=1)
    of_clusters = 4 * columns.var(ddof=1)
    rest = ((table - rows[:, None] - columns + table.mean()) ** 2).sum() / (3 * 11)
    assert ours.over_clusters().total == pytest.approx(of_clusters / 48)
    assert ours.over_clusters().df == pytest.approx(11)
    assert ours.over_seeds().total == pytest.approx((of_seeds - rest) / 48)
    assert ours.over_seeds().df == pytest.approx(3)


def test_seeds_that_differ_less_than_by_chance_add_nothing() -> None:
    table = np.tile(RANDOM.normal(size=12), (3, 1))
    ours = spread(table, np.ones_like(table), np.arange(12), ONE, 1.0)
    assert ours.over_seeds().total == 0
    assert ours.uncertainty.df == 11
    assert spread(table[:1], np.ones((1, 12)), np.arange(12), ONE, 1.0).over_seeds() == Variance()


def test_satterthwaite_s_degrees_of_freedom_are_welch_s() -> None:
    a, b = RANDOM.normal(size=7), RANDOM.normal(0, 4, size=12)
    parts = Variance(((a.var(ddof=1) / 7, 6.0), (b.var(ddof=1) / 12, 11.0)))
    assert parts.df == pytest.approx(stats.ttest_ind(a, b, equal_var=False).df)


def test_clusters_and_seeds_together_have_the_interval_of_graybill_and_wang() -> None:
    both = Uncertainty(Variance(((0.5, 11.0),)), Variance(((2.0, 2.0),)))
    half_width = math.sqrt(stats.t.ppf(0.975, 11) ** 2 * 0.5 + stats.t.ppf(0.975, 2) ** 2 * 2.0)
    assert both.half_width == pytest.approx(half_width)
    assert both.stderr == pytest.approx(math.sqrt(2.5))
    assert stats.t.ppf(0.975, both.df) * both.stderr == pytest.approx(half_width)
    assert both.p_of(half_width) == pytest.approx(0.05)
    assert both.p_of(1.0) == pytest.approx(2 * stats.t.sf(1.0 / both.stderr, both.df))
    assert both.detectable(0.8) == pytest.approx(half_width + stats.t.ppf(0.8, both.df) * both.stderr)


@given(
    st.floats(-5, 5),
    st.floats(0.01, 4),
    st.floats(2, 300),
    st.one_of(st.just(0.0), st.floats(1e-3, 4)),
    st.floats(1, 20),
)
def test_p_is_below_a_twentieth_exactly_where_0_is_outside(
    value: float, of_clusters: float, df_of_clusters: float, of_seeds: float, df_of_seeds: float
) -> None:
    both = Uncertainty(Variance(((of_clusters, df_of_clusters),)), Variance(((of_seeds, df_of_seeds),)))
    is_at_the_end = math.isclose(abs(value), both.half_width, rel_tol=1e-9)
    assert is_at_the_end or (both.p_of(value) < 0.05) == (abs(value) > both.half_width)


def test_many_degrees_of_freedom_at_once_are_each_one_alone() -> None:
    shares, dfs = RANDOM.random(50), RANDOM.uniform(2, 12, 50)
    alone = [
        Uncertainty(Variance(((1 - share, 9.0),)), Variance(((share, df),))).df
        for share, df in zip(shares, dfs, strict=True)
    ]
    np.testing.assert_allclose(combined_df(shares, 9.0, dfs), alone, rtol=2e-3)


def test_infinite_degrees_of_freedom_are_the_normal_distribution() -> None:
    assert t_quantile(0.975, math.inf) == pytest.approx(stats.norm.ppf(0.975))
    assert two_sided_p(2.0, 1.0, math.inf) == pytest.approx(2 * stats.norm.sf(2.0))
    assert two_sided_p(-2.0, 1.0, 7) == pytest.approx(2 * stats.t.sf(2.0, 7))


def test_skewness_is_scipy_s() -> None:
    values = RANDOM.gamma(1.0, size=30)
    assert skewness(values) == pytest.approx(stats.skew(values))
    assert skewness(np.ones(5)) == 0.0


def test_strata_are_numbered_and_those_of_one_cluster_are_joined() -> None:
    codes = np.array([0, 0, 1, 2, 3, 4, 5])
    assert strata_of_clusters(codes, None).tolist() == [0] * 6
    assert strata_of_clusters(codes, list("aaabbbb")).tolist() == [0, 0, 1, 1, 1, 1]
    assert strata_of_clusters(codes, list("xxaabbb")).tolist() == [0, 0, 0, 1, 1, 1]  # x, alone, joins the smaller
    assert strata_of_clusters(codes, list("xxyabbb")).tolist() == [0, 0, 0, 1, 1, 1]  # x and y, then a, are alone
    assert strata_of_clusters(codes, list("abbbbbb")).tolist() == [0] * 6  # a cluster of two strata: there are none
