"""Corrections for many comparisons, against statsmodels and every flip of signs."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.statistics.multiple import holm, over_measures, smallest_possible, step_down
from harness.statistics.paired_difference import paired_all


def minimum_p(models: np.ndarray) -> dict[tuple[int, int], float]:
    """Westfall and Young's step-down minimum p of models (M, K) over all flips of signs, written plainly."""
    pairs = list(itertools.combinations(range(len(models)), 2))
    differences = {pair: models[pair[0]] - models[pair[1]] for pair in pairs}
    observed = {pair: stats.ttest_1samp(differences[pair], 0).pvalue for pair in pairs}
    order = sorted(pairs, key=lambda pair: observed[pair])
    signs = np.array(list(itertools.product((1, -1), repeat=models.shape[1])))
    flipped = {pair: stats.ttest_1samp(signs * differences[pair], 0, axis=1).pvalue for pair in pairs}
    corrected, largest = {}, 0.0
    for place, pair in enumerate(order):
        smallest = np.min([flipped[other] for other in order[place:]], axis=0)
        largest = max(largest, float(np.mean(smallest <= observed[pair] + 1e-12)))
        corrected[pair] = largest
    return corrected


@pytest.mark.parametrize("seed", range(3))
def test_one_fit_of_each_is_corrected_as_by_every_flip_of_signs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    models = generator.normal(size=9) + 0.7 * generator.normal(size=(5, 9)) + np.array([0, 0, 0.4, 0.8, 1.5])[:, None]
    _, tests = paired_all(list(models))
    expected = minimum_p(models)
    corrected = step_down([tests])[0]
    for pair, p in expected.items():
        assert corrected[pair] == pytest.approx(
            max(p, tests.p_values[pair]), abs=4 * (p * (1 - p) / 10_000) ** 0.5 + 2e-4
        )


def test_a_single_test_keeps_its_p_and_no_test_none() -> None:
    generator = np.random.default_rng(1)
    _, tests = paired_all(list(generator.normal(size=(2, 40))))
    [p] = tests.p_values.values()
    assert step_down([tests])[0][0, 1] == pytest.approx(p, abs=4 * (p * (1 - p) / 10_000) ** 0.5)
    assert step_down([]) == []
    _, equal = paired_all([[0.0] * 9, [0.0] * 9])
    assert step_down([equal]) == [{}]


def test_groups_share_one_correction() -> None:
    generator = np.random.default_rng(6)
    levels = np.array([[0.0], [0.0], [0.5]])
    groups = [paired_all(list(generator.normal(size=(3, 30)) + levels))[1] for _ in range(2)]
    together = step_down(groups)
    alone = [step_down([group])[0] for group in groups]
    assert all(together[place][pair] >= p for place, of_group in enumerate(alone) for pair, p in of_group.items())
    assert together != alone


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


def test_over_measures_of_one_p_each_is_holm() -> None:
    p_values = [0.04, None, 0.01, 0.03]
    by_measure = {name: [p] for name, p in zip("abcd", p_values, strict=True)}
    assert [p for [p] in over_measures(by_measure).values()] == pytest.approx(holm(p_values))


def test_a_measure_gives_its_share_away_only_when_all_of_it_is_rejected() -> None:
    corrected = over_measures({"sums": [0.02, 0.3], "turns": [0.004, 0.5, None], "none": [None]})
    # at 0.6 all of the sums are rejected, and the turns have the whole level
    assert corrected == {"sums": [0.04, 0.6], "turns": [0.008, 0.6, None], "none": [None]}
    corrected = over_measures({"sums": [0.02, 0.3], "turns": [0.004, 0.01]})
    assert corrected["turns"] == pytest.approx([0.008, 0.02])
    assert corrected["sums"] == pytest.approx([0.02, 0.3])  # from the level on at which turns are rejected whole


def test_one_real_difference_does_not_make_other_measures_easier() -> None:
    """Two measures, a real difference in one, equal models else: something equal is called different in 5 % at most.
    With a factor from each measure's smallest p it were 7 %."""
    generator = np.random.default_rng(3)
    wrong = 0
    for chance, other in generator.random((20_000, 2)):
        corrected = over_measures({"sums": [1e-9, chance], "turns": [other]})
        wrong += min(corrected["sums"][1], corrected["turns"][0]) < 0.05  # type: ignore[type-var, operator]
    assert wrong / 20_000 <= 0.05 + 2 * (0.05 * 0.95 / 20_000) ** 0.5


@pytest.mark.parametrize("num_clusters", [5, 6, 8])
def test_no_corrected_p_is_smaller_than_what_the_flips_of_so_few_clusters_allow(num_clusters: int) -> None:
    models = np.random.default_rng(0).normal(size=(3, num_clusters)) + np.array([[0.0], [1e3], [1e6]])
    assert minimum_p(models) == dict.fromkeys(minimum_p(models), smallest_possible(num_clusters))
    _, tests = paired_all(list(models))
    [corrected] = step_down([tests])
    assert set(tests.p_values) == set(corrected)
    assert max(tests.p_values.values()) < 1e-4
    assert list(corrected.values()) == pytest.approx([smallest_possible(num_clusters)] * 3, rel=0.15)


def test_a_ratio_of_totals_over_five_clusters_has_no_smaller_p_than_a_mean() -> None:
    """Its jackknife is not that of the flipped clusters, so that no flip gives just what was observed."""
    sizes = [10.0, 1.0, 5.0, 2.0, 8.0]
    _, tests = paired_all([[0.0] * 5, [10.1, 1.0, 4.9, 2.1, 8.0]], None, sizes)
    assert tests.p_values[0, 1] < 1e-3
    assert step_down([tests])[0][0, 1] >= 2**-4


def test_fewer_than_five_clusters_are_not_tested() -> None:
    assert smallest_possible(4) == 1.0
