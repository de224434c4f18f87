"""The spreads of an experiment's runs, for planning the next one."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pandas as pd
import pytest

from harness.common.errors import UserError
from harness.report.power import typical_pair
from harness.report.results import load
from harness.statistics.power import design_of
from tests.harness.report.records import edit


def let_seeds_matter(results: Path, families: str) -> None:
    for run in results.glob(f"families/{families}-*-s[0-9]"):
        edit(run, lambda record: record.update(deterministic=False))


def by_hand(results: Path, first: str, second: str) -> float:
    sides = []
    for name in (first, second):
        tables = [pd.read_parquet(results / f"families/{name}-greedy-s{seed}/samples.parquet") for seed in range(3)]
        tables = [table[table["eval"] == "arithmetic"].sort_values("sample_id") for table in tables]
        sides.append([[json.loads(text)["exact_match"] for text in table["values"]] for table in tables])
    design = design_of(*sides, clusters=tables[0]["cluster"].tolist(), seeds_vary=(False, False))
    assert design is not None
    return design.sd_clusters


def test_the_typical_pair_has_the_medians_of_all_pairs_or_is_the_one_that_is_named(three_seeds: Path) -> None:
    [results] = load(three_seeds)
    every = [by_hand(three_seeds, *pair) for pair in (("ngram", "gru"), ("ngram", "rnn"), ("rnn", "gru"))]
    typical = typical_pair(results, "exact_match", None)
    assert (typical.num_pairs, typical.design.num_clusters, typical.design.num_varying) == (3, 160, 0)
    assert typical.design.sd_clusters == pytest.approx(median(every))
    assert typical_pair(results, "arithmetic.exact_match", ["gru", "ngram"]).design.sd_clusters == pytest.approx(
        every[0]
    )
    assert typical_pair(results, None, None).measure.metric == "bits_per_byte"


def test_seeds_that_matter_and_are_one_are_refused_with_what_to_do(small: Path) -> None:
    let_seeds_matter(small.parent, "*")
    [results] = load(small)
    with pytest.raises(UserError, match="Add seed=0,1,2 to the command that made the runs, or state the numbers"):
        typical_pair(results, None, None)


@pytest.mark.parametrize(
    ("measure", "models", "said"),
    [
        ("exact_mach", None, "Did you mean 'exact_match'"),
        (
            None,
            ["ngram", "gpu"],
            "'gpu' is no model here.* There are: rnn, ngram.",
        ),
    ],
)
def test_an_unknown_name_is_refused(small: Path, measure: str | None, models: list[str] | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        typical_pair(load(small)[0], measure, models)
