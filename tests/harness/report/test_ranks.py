"""The ranking of an experiment's systems."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report import rank, write_report
from harness.report.comparison import Comparison
from harness.report.ranks import rank_systems
from tests.harness.report.conftest import Written
from tests.harness.report.fake_results import MODELS
from tests.harness.report.records import edit

Compare = Callable[[Path], Comparison]


def test_every_model_is_ranked_over_all_evals_and_the_page_shows_it(written: Written) -> None:
    ranks = pd.read_csv(written.folder / "ranks.csv")
    page = written.report.page.read_text()
    assert len(ranks) == len(MODELS)  # whatever the run that failed would have had
    assert list(ranks["rank"]) == sorted(ranks["rank"])
    assert (ranks["rank_ci_low"] <= ranks["rank"]).all()
    assert (ranks["rank"] <= ranks["rank_ci_high"]).all()
    assert ranks["strength"].sum() == pytest.approx(0, abs=1e-6)
    assert "One ranking over all evals" in page
    assert f"{ranks['rank'][0]} [{ranks['rank_ci_low'][0]}, {ranks['rank_ci_high'][0]}]" in page


def test_the_share_of_games_won_is_that_of_the_samples(small: Path, compare: Compare) -> None:
    ranks = rank_systems(compare(small)).set_index("model")
    tables = [pd.read_parquet(small / f"{name}-greedy-s0/samples.parquet") for name in ("ngram", "rnn")]
    bits = [table[table["eval"] == "perplexity"].sort_values("sample_id") for table in tables]
    assert (bits[0]["nats"].to_numpy() < bits[1]["nats"].to_numpy()).all()
    assert ranks.loc["ngram", "measures"].startswith("perplexity.bits_per_byte, ")
    assert ranks.loc["ngram", "win_rate"] + ranks.loc["rnn", "win_rate"] == pytest.approx(1)
    assert np.log(ranks.loc["ngram", "win_rate"] / ranks.loc["rnn", "win_rate"]) == pytest.approx(
        ranks.loc["ngram", "strength"] - ranks.loc["rnn", "strength"]
    )


def test_only_models_with_three_seeds_where_seeds_matter_are_ranked(
    three_seeds: Path, tmp_path: Path, compare: Compare
) -> None:
    results = shutil.copytree(three_seeds, tmp_path / "results")
    for run in results.glob("families/[rg]*-s[0-9]"):
        edit(run, lambda record: record.update(deterministic=False))
    assert set(rank(results)["model"]) == {"ngram", "rnn", "gru"}
    for run in results.glob("families/gru-*-s2"):
        shutil.rmtree(run)
    assert set(rank(results)["model"]) == {"ngram", "rnn"}
    for run in results.glob("families/rnn-*-s2"):
        shutil.rmtree(run)
    assert rank(results).empty


@pytest.mark.usefixtures("no_plots")
def test_an_eval_that_not_all_were_asked_alike_is_left_out(small: Path, compare: Compare) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: [m.update(eval_version=2) for m in record["metrics"] if m["eval"] == "perplexity"])
    assert set(rank_systems(compare(small))["measures"]) == {"arithmetic.exact_match, turn_taking.took_its_turn"}
    for run in small.glob("rnn-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32))
    report = write_report(small)
    assert "One ranking" not in report.page.read_text()
    assert pd.read_csv(report.page.parent / "ranks.csv").empty
