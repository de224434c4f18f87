"""Crossings of curves: by hand, and by simulation how often the interval holds the true one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import CubicSpline

from harness.statistics.crossing import Crossings, crossings
from harness.statistics.spread import Spread, spread

BUDGETS = (1e5, 3e5, 1e6, 3e6, 1e7)


def measured(values: np.ndarray) -> Spread:
    """values: (S, K)."""
    num_clusters = values.shape[1]
    return spread(values, np.ones_like(values), np.arange(num_clusters), np.zeros(num_clusters, np.int64), 1.0)


def without_clusters(values: np.ndarray) -> Spread:
    """values: (S,)."""
    return Spread(values, np.zeros((len(values), 0)), np.zeros(0, np.int64))


def test_two_lines_cross_where_they_are_equal_and_the_interval_is_where_students_t_allows_zero() -> None:
    """One fit of each, six clusters: the difference is 1 - log10(budget / 1e5)."""
    noise = np.array([-0.3, 0.1, 0.2, -0.1, 0.25, -0.15])
    first = [measured((1 - math.log10(budget / 1e5) + noise)[None]) for budget in BUDGETS]
    second = [measured(np.zeros((1, 6))) for _ in BUDGETS]
    result = crossings(BUDGETS, first, second, (False, False))
    [found] = result.found
    half_width = stats.t.ppf(0.975, 5) * noise.std(ddof=1) / math.sqrt(6)
    assert found.place == pytest.approx(1e6, rel=1e-3)
    assert (found.low, found.high) == pytest.approx((10 ** (6 - half_width), 10 ** (6 + half_width)), rel=0.02)
    assert found.first_is_higher_below
    assert not result.is_undecided


def test_seeds_are_pooled_over_budgets() -> None:
    luck = [np.array([-0.1, 0.0, 0.1]), np.array([-0.2, 0.0, 0.2]), np.array([-0.3, 0.3, 0.0])]
    first = [without_clusters(1 - place + own) for place, own in enumerate(luck)]
    second = [without_clusters(np.zeros(1)) for _ in luck]
    [found] = crossings((1.0, 10.0, 100.0), first, second, (True, False)).found
    half_width = stats.t.ppf(0.975, 6) * math.sqrt(np.mean([own.var(ddof=1) for own in luck]) / 3)
    # the fits at the three budgets have independent luck, which the spline weighs
    logs = np.linspace(0, 1, 100_001)
    weights = CubicSpline([0.0, 1.0, 2.0], np.eye(3), bc_type="natural")(logs)
    low = logs[np.argmax(1 - logs <= half_width * np.sqrt((weights**2).sum(axis=1)))]
    assert found.low == pytest.approx(10**low, rel=0.03)
    [of_curve] = crossings((1.0, 10.0, 100.0), first, second, (True, False), of_one_fit=True).found
    wide = stats.t.ppf(0.975, 2) * math.sqrt(np.mean([own.var(ddof=1) for own in luck]) / 3)
    assert of_curve.low == pytest.approx(10 ** (1 - wide), rel=0.03)


@pytest.mark.parametrize("sign", [1, -1])
def test_curves_that_stay_apart_do_not_cross(sign: int) -> None:
    first = [without_clusters(sign + np.array([-0.01, 0.0, 0.01])) for _ in BUDGETS]
    second = [without_clusters(np.array([-0.01, 0.0, 0.01])) for _ in BUDGETS]
    assert crossings(BUDGETS, first, second) == Crossings((), is_undecided=False)


def test_a_change_of_sign_that_is_not_significant_on_both_sides_is_undecided() -> None:
    levels = (1.0, 0.5, 0.2, 0.02, -0.02)
    first = [without_clusters(level + np.array([-0.1, 0.0, 0.1])) for level in levels]
    second = [without_clusters(np.array([-0.1, 0.0, 0.1])) for _ in levels]
    assert crossings(BUDGETS, first, second) == Crossings((), is_undecided=True)


def test_curves_may_cross_twice() -> None:
    first = [without_clusters(level + np.array([-0.01, 0.0, 0.01])) for level in (1.0, -1.0, -1.0, 1.0, 1.0)]
    second = [without_clusters(np.array([-0.01, 0.0, 0.01])) for _ in BUDGETS]
    one, other = crossings(BUDGETS, first, second).found
    assert one.place == pytest.approx(math.sqrt(1e5 * 3e5), rel=0.1)
    assert (one.first_is_higher_below, other.first_is_higher_below) == (True, False)


def planted(
    generator: np.random.Generator,
    num_clusters: int,
    num_seeds: int,
    ratio: float,
    crosses_at: float,
    power_law: bool,
    steep: int = 1,
) -> Crossings:
    """Two families of the same kind of luck, whose true curves cross there, steeply enough to be found. ratio: of the
    seeds' variance to that of the clusters' mean."""
    steepness = steep * math.sqrt(0.09 / num_clusters * (1 + ratio))
    sd_seeds = 0.3 * math.sqrt(ratio / num_clusters / 2)
    common = generator.standard_normal(num_clusters)
    own = 0.3 / math.sqrt(2) * generator.standard_normal((2, num_clusters))
    curves: list[list[Spread]] = [[], []]
    for budget in BUDGETS:
        # 1.2 + a x^-0.3 and 1.2 + a c^-0.1 x^-0.2 are equal where x is c; x in thousands
        x, c = budget / 1e3, crosses_at / 1e3
        levels = (1.2 + 300 * steepness * x**-0.3, 1.2 + 300 * steepness * c**-0.1 * x**-0.2)
        if not power_law:
            levels = (0.0, 6 * steepness * math.log10(budget / crosses_at))
        for side, level in enumerate(levels):
            luck = sd_seeds * generator.standard_normal((num_seeds, 1))
            chance = 0.1 * generator.standard_normal((num_seeds, num_clusters))
            curves[side].append(measured(level + common + own[side] + luck + chance))
    return crossings(BUDGETS, *curves)


@pytest.mark.campaign
@pytest.mark.parametrize(("power_law", "steep"), [(False, 1), (True, 4)])
@pytest.mark.parametrize("num_clusters", [20, 200])
@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
def test_the_interval_holds_the_planted_crossing(
    ratio: float, num_seeds: int, num_clusters: int, power_law: bool, steep: int
) -> None:
    """Run by `python -m pytest -n 0 -s -m campaign tests/harness/statistics/test_crossing.py`: three minutes on one
    core. 94.3 to 96.5 % were reached."""
    generator = np.random.default_rng([num_clusters, num_seeds, int(10 * ratio), power_law, steep])
    results = [planted(generator, num_clusters, num_seeds, ratio, 8e5, power_law, steep) for _ in range(2_000)]
    found = [result.found for result in results if result.found]
    covered = np.mean([any(one.low <= 8e5 <= one.high for one in crossing) for crossing in found])
    name = f"K {num_clusters}, seeds {num_seeds}, ratio {ratio:g}, {'power laws' if power_law else 'lines'} x {steep}"
    print(f"{name}: {covered:.1%} covered; found in {len(found) / 2_000:.1%}")
    assert 0.93 <= covered <= 0.97


@pytest.mark.campaign
@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize("crosses_at", [1.2e7, 1e9])
def test_what_does_not_cross_in_the_range_is_rarely_said_to(crosses_at: float, num_seeds: int) -> None:
    generator = np.random.default_rng([num_seeds, int(crosses_at)])
    results = [planted(generator, 20, num_seeds, 1.0, crosses_at, True) for _ in range(2_000)]
    wrong = np.mean([bool(result.found) for result in results])
    print(f"seeds {num_seeds}, crossing at {crosses_at:g}, beyond 1e7: {wrong:.1%} said to cross")
    assert wrong <= 0.05
