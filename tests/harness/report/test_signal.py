"""The signal and noise of each measure."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report.comparison import Comparison
from harness.report.page import render
from harness.report.signal import signal_to_noise
from harness.report.verdicts import Verdicts
from harness.statistics.power import design_of
from tests.harness.report.records import edit

Compare = Callable[[Path], Comparison]


@pytest.fixture
def lucky(three_seeds: Path, tmp_path: Path) -> Path:
    """Three models at three seeds, whose fits depend on the seed, under greedy decoding."""
    results = shutil.copytree(three_seeds, tmp_path / "results")
    for run in results.glob("families/*-s[0-9]"):
        if "greedy" in run.name:
            edit(run, lambda record: record.update(deterministic=False))
        else:
            shutil.rmtree(run)
    return results


def test_noise_is_that_of_one_fit_of_each_and_signal_the_median_difference(lucky: Path, compare: Compare) -> None:
    comparison = compare(lucky)
    table = signal_to_noise(comparison).set_index("metric")
    assert comparison.ladder is not None
    sides = {system: comparison.judged(system, "any", comparison.ladder) for system in comparison.systems}
    apart, of_seeds, of_samples = [], [], []
    for a, b in itertools.combinations(sides.values(), 2):
        assert a is not None
        assert b is not None
        design = design_of(list(a.tops), list(b.tops), a.clusters, a.denominators, a.formula.scale, a.strata)
        assert design is not None
        of_seeds.append(2 * (design.sd_seeds**2 + design.sd_within**2 / design.num_clusters))
        of_samples.append(design.sd_clusters**2 / design.num_clusters)
        levels = [np.mean(side.tops.sum(axis=1) / side.bottoms.sum(axis=1)) * side.formula.scale for side in (a, b)]
        apart.append(abs(levels[0] - levels[1]))
    row = table.loc["bits_per_byte"]
    assert row["median_difference"] == pytest.approx(np.median(apart))
    assert row["noise_seeds"] == pytest.approx(math.sqrt(np.mean(of_seeds)))
    assert row["noise_samples"] == pytest.approx(math.sqrt(np.mean(of_samples)))
    assert row["signal_to_noise"] == pytest.approx(
        np.median(apart) / math.sqrt(np.mean(of_seeds) + np.mean(of_samples))
    )
    assert row["is_headline"]
    assert (row["num_models"], row["unit"]) == (3, "bits/byte")


def test_what_is_not_known_has_a_reason_and_the_page_shows_the_others(lucky: Path, compare: Compare) -> None:
    comparison = compare(lucky)
    verdicts = Verdicts.of(comparison)
    reasons = verdicts.measures.set_index("metric")["reason"]
    assert reasons["word_perplexity"] == "it is no sum over samples"
    assert pd.isna(reasons["exact_match"])
    page = render(comparison, verdicts, [], lucky).decode()
    assert "which measures tell models apart" in page
    for run in lucky.glob("families/*-s[12]"):
        shutil.rmtree(run)
    row = signal_to_noise(compare(lucky)).set_index("metric").loc["bits_per_byte"]
    assert row["reason"] == "one seed: what another one changes is not known"
    assert row["median_difference"] > 0
    assert pd.isna(row["signal_to_noise"])
