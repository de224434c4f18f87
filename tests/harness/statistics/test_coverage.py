"""How often intervals hold the truth, and how often equal families are called different: by simulation.

Run by `python -m pytest -n 0 -s -m campaign tests/harness/statistics/test_coverage.py`, which prints every cell's figure
(percent) and takes about eight minutes on one core. Cells without a limit (five clusters; one seed) are printed too. A
share of 95 % in REPETITIONS has a standard error of 0.4 points; the limits aren't widened by it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from harness.statistics import multiple, paired_difference, resampling
from harness.statistics.multiple import holm, step_down
from harness.statistics.paired_difference import paired_all
from tests.harness.statistics.simulation import (
    Design,
    coverage_of_a_share,
    coverage_of_totals,
    equal_families,
)

pytestmark = pytest.mark.campaign

NUM_CLUSTERS = (5, 10, 20, 60, 200)
SEEDS = ((1, 0.0), (3, 0.1), (3, 1.0), (3, 10.0), (5, 0.1), (5, 1.0), (5, 10.0))
"""Numbers of seeds, each with the variance between seeds in variances of the mean over clusters."""
REPETITIONS = 3_000
REPETITIONS_OF_SHARES = 2_000
REPETITIONS_OF_TABLES = 1_500


def generator_of(*numbers: int) -> np.random.Generator:
    return np.random.default_rng([20_261_126, *numbers])


def shown(title: str, row: str, cells: Sequence[str]) -> None:
    print(f"{title:<42} {row:>6} {' '.join(f'{cell:>9}' for cell in cells)}")


def show_head(title: str) -> None:
    print()
    shown(title, "K", [f"{seeds}, {ratio:g}" for seeds, ratio in SEEDS])


@pytest.mark.parametrize("num_sources", [1, 2])
@pytest.mark.parametrize("has_sizes", [False, True], ids=["mean", "ratio"])
@pytest.mark.parametrize("is_lognormal", [False, True], ids=["normal", "lognormal"])
def test_intervals_of_totals_hold_the_truth(is_lognormal: bool, has_sizes: bool, num_sources: int) -> None:
    name = f"{'lognormal' if is_lognormal else 'normal'} {'ratio' if has_sizes else 'mean'}, {num_sources} source(s)"
    show_head(f"{name} (warned of)")
    faults = []
    for num_clusters in NUM_CLUSTERS:
        cells = []
        for place, (num_seeds, ratio) in enumerate(SEEDS):
            design = Design(num_clusters, num_seeds, ratio, num_sources, is_lognormal, has_sizes)
            generator = generator_of(1, num_clusters, place, num_sources, is_lognormal, has_sizes)
            result = coverage_of_totals(design, REPETITIONS, generator)
            cells.append(f"{100 * result.covered:.1f}({100 * result.lopsided:.0f})")
            low, high = (0.88, 1.0) if is_lognormal else (0.935, 0.97)
            if num_seeds >= 3 and num_clusters >= 10 and not low <= result.covered <= high:
                faults.append((num_clusters, num_seeds, ratio, result.covered))
        shown(name, str(num_clusters), cells)
    assert not faults


@pytest.mark.parametrize("num_sources", [1, 2])
@pytest.mark.parametrize("correlation", [0.0, 0.3])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_intervals_of_shares_hold_the_truth(share: float, correlation: float, num_sources: int) -> None:
    """Too rarely is the fault; no upper limit is demanded, since Wilson's interval of a rare event is a wide one."""
    name = f"share {share:g}, correlation {correlation:g}, {num_sources} source(s)"
    show_head(name)
    faults = []
    for num_clusters in NUM_CLUSTERS:
        cells = []
        for place, (num_seeds, ratio) in enumerate(SEEDS):
            design = Design(num_clusters, num_seeds, ratio, num_sources)
            generator = generator_of(2, num_clusters, place, num_sources, int(100 * share), int(10 * correlation))
            covered = coverage_of_a_share(design, share, correlation, REPETITIONS_OF_SHARES, generator)
            cells.append(f"{100 * covered:.1f}")
            if num_seeds >= 3 and num_clusters >= 10 and covered < 0.935:
                faults.append((num_clusters, num_seeds, ratio, covered))
        shown(name, str(num_clusters), cells)
    assert not faults


@pytest.fixture
def without_sign_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    """The p of these fits isn't asked for here, and takes most of the time."""
    monkeypatch.setattr(paired_difference, "_sign_flip_p_value", lambda sums: 1.0)


@pytest.mark.usefixtures("without_sign_flips")
@pytest.mark.parametrize("num_sources", [1, 2])
@pytest.mark.parametrize("is_lognormal", [False, True], ids=["normal", "lognormal"])
@pytest.mark.parametrize("is_one_recipe", [False, True], ids=["two_equal_families", "one_recipe_with_other_seeds"])
def test_what_is_equal_is_rarely_called_different(is_one_recipe: bool, is_lognormal: bool, num_sources: int) -> None:
    name = f"{'lognormal' if is_lognormal else 'normal'} {'one recipe' if is_one_recipe else 'equal families'}"
    name += f", {num_sources} source(s)"
    show_head(f"{name}: p < 0.05")
    faults = []
    for num_clusters in (10, 20, 60, 200):
        cells = []
        for place, (num_seeds, ratio) in enumerate(SEEDS):
            design = Design(num_clusters, num_seeds, ratio or 1.0, num_sources, is_lognormal, has_sizes=True)
            generator = generator_of(3, num_clusters, place, num_sources, is_lognormal, is_one_recipe)
            results = equal_families(
                design, is_one_recipe, REPETITIONS_OF_SHARES // (1 if num_seeds > 1 else 20), generator
            )
            claims = [result.is_about_families and (result.p_value or 0.0) < 0.05 for result in results]
            cells.append(f"{100 * np.mean(claims):.1f}")
            if np.mean(claims) > (0.055 if num_seeds >= 3 else 0.0):
                faults.append((num_clusters, num_seeds, ratio, np.mean(claims)))
        shown(name, str(num_clusters), cells)
    assert not faults


@pytest.mark.usefixtures("without_sign_flips")
@pytest.mark.parametrize("num_seeds", [1, 3])
@pytest.mark.parametrize("num_clusters", [10, 60])
def test_the_step_down_correction_keeps_its_level_and_finds_more_than_holm(
    num_clusters: int, num_seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight models: equal ones for the level; then one that is better than the seven others, for the power."""
    for module in (multiple, resampling):
        monkeypatch.setattr(module, "NUM_FLIPS", 1_000)  # enough where so many tables are averaged
    resampling._kept_signs.cache_clear()
    design = Design(num_clusters, num_seeds, 1.0 if num_seeds > 1 else 0.0)
    generator = generator_of(4, num_clusters, num_seeds)
    pairs = list(itertools.combinations(range(8), 2))
    any_false, found, found_by_holm = [], [], []
    for better in (0.0, 1.4 * (10 / num_clusters) ** 0.5):
        common = design.clusters(generator, REPETITIONS_OF_TABLES)
        models = [
            design.measured(
                generator, 0.8 * common + 0.6 * design.clusters(generator, len(common)), np.ones_like(common)
            )
            for _ in pairs[:8]
        ]
        for table in zip(*models, strict=True):
            _, tests = paired_all([list(table[0] + better), *(list(side) for side in table[1:])])
            corrected = step_down([tests])[0]
            if not better:
                any_false.append(min(corrected.values()) < 0.05)
                continue
            by_holm = dict(zip(tests.p_values, holm(list(tests.p_values.values())), strict=True))
            found.append(np.mean([corrected[0, other] < 0.05 for other in range(1, 8)]))
            found_by_holm.append(np.mean([(by_holm[0, other] or 0.0) < 0.05 for other in range(1, 8)]))
    resampling._kept_signs.cache_clear()
    error, power, power_of_holm = (100 * np.mean(side) for side in (any_false, found, found_by_holm))
    name = f"8 models, {num_clusters} clusters, {num_seeds} seed(s)"
    print(f"\n{name}: any false claim {error:.1f}, power {power:.1f}, Holm's {power_of_holm:.1f}")
    assert error <= 6
    assert error >= 4 or num_seeds > 1
    assert power > power_of_holm
