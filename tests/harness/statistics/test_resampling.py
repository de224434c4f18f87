"""Random draws: what each resample contains; the memory limit doesn't change the answers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from harness.statistics import resampling
from harness.statistics.intervals import median
from harness.statistics.paired_difference import paired

RANDOM = np.random.default_rng(7)


def test_memory_and_answers_do_not_depend_on_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RANDOM.normal(size=500)
    clusters = RANDOM.integers(0, 100, 500)
    whole = (median(values), median(values, clusters), paired(values, values * 1.1))
    monkeypatch.setattr(resampling, "_MAX_VALUES_AT_ONCE", 10_000)
    portions = (median(values), median(values, clusters), paired(values, values * 1.1))
    assert portions[0].ci_low == pytest.approx(whole[0].ci_low, abs=1e-9)
    assert portions[1].ci_low == pytest.approx(whole[1].ci_low, abs=0.05)
    assert portions[2].p_value_these_fits == pytest.approx(whole[2].p_value_these_fits, abs=0.02)
    assert all(len(portion) * 500 <= 10_000 for portion in resampling.cluster_counts(500))


@pytest.mark.parametrize("num_clusters", [1, 3, 6])
def test_exact_signs_are_every_combination_once(num_clusters: int) -> None:
    [rows] = resampling.signs(num_clusters, exact=True)
    assert sorted(map(tuple, rows.tolist())) == sorted(itertools.product([-1.0, 1.0], repeat=num_clusters))


def test_each_resample_draws_as_many_clusters_as_there_are_each_as_often_as_the_others() -> None:
    [counts] = resampling.cluster_counts(7)
    assert counts.shape == (resampling.NUM_RESAMPLES, 7)
    assert (counts.sum(axis=1) == 7).all()
    # Each count is binomial with 7 draws of 1/7: mean 1, variance 6/7.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=4 * math.sqrt(6 / 7 / resampling.NUM_RESAMPLES))
    np.testing.assert_allclose(counts.var(axis=0), 6 / 7, rtol=0.15)


def test_the_draws_are_the_same_every_time() -> None:
    [first] = resampling.cluster_counts(9)
    resampling._kept_cluster_counts.cache_clear()
    [again] = resampling.cluster_counts(9)
    assert (first == again).all()
