"""Crossings along a swept budget and along learning curves, as the tables and the page say them."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report.comparison import Comparison
from harness.report.crossings import COLUMNS, crossing_sentences, find_crossings, power_laws
from harness.report.page import render
from harness.report.verdicts import Verdicts
from harness.statistics.power_law import PowerLaw
from tests.harness.report.fake_results import copy_run
from tests.harness.report.records import edit, set_value

Compare = Callable[[Path], Comparison]
BUDGETS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
RNN, NGRAM = PowerLaw(1.5, 300.0, 0.45), PowerLaw(2.0, 8.0, 0.2)


@pytest.fixture
def swept(small: Path) -> Path:
    """An rnn and an n-gram at five budgets; the rnn is worse at the small ones."""
    for name, law in (("rnn", RNN), ("ngram", NGRAM)):
        for budget, bits in zip(BUDGETS, law.at(BUDGETS), strict=True):
            run = copy_run(small / f"{name}-greedy-s0", f"{name}-{budget}", {"budget.tokens": budget})
            table = pd.read_parquet(run / "samples.parquet")
            of_documents = table["eval"] == "perplexity"
            whole = table.loc[of_documents, "nats"].sum() / table.loc[of_documents, "num_bytes"].sum() / np.log(2)
            table.loc[of_documents, "nats"] *= bits / whole
            table.to_parquet(run / "samples.parquet", index=False)
            set_value(run, "bits_per_byte", float(bits))
    for run in small.glob("*-s0"):
        shutil.rmtree(run)
    return small


def of_bits(comparison: Comparison) -> pd.DataFrame:
    table = find_crossings(comparison)
    return table[table["metric"] == "bits_per_byte"]


def test_families_cross_where_their_laws_do(swept: Path, compare: Compare) -> None:
    comparison = compare(swept)
    grid = np.geomspace(*BUDGETS[::4], 100_001)
    crosses = grid[np.argmin(np.abs(RNN.at(grid) - NGRAM.at(grid)))]
    [row] = of_bits(comparison).to_dict("records")
    assert {row["model_a"], row["model_b"]} == {"rnn", "ngram"}
    assert (row["axis"], row["verdict"]) == ("training budget, tokens", "they cross")
    assert row["ci_low"] < crosses < row["ci_high"]
    assert row["crossing"] == pytest.approx(crosses, rel=0.1)
    assert (row["better_below"], row["better_above"]) == ("ngram", "rnn")
    assert (row["num_budgets"], row["lowest_budget"], row["highest_budget"]) == (5, BUDGETS[0], BUDGETS[-1])
    sentences = crossing_sentences(find_crossings(comparison))
    assert any("below, ngram is better, above, rnn." in sentence for sentence in sentences)
    page = render(comparison, Verdicts.of(comparison), [], swept).decode()
    assert sentences[0].partition(":")[0] in page or "learning" not in page


def test_the_laws_of_each_model_are_found_and_said_to_hold(swept: Path, compare: Compare) -> None:
    laws = power_laws(compare(swept)).set_index("model")
    for name, law in (("rnn", RNN), ("ngram", NGRAM)):
        assert laws.loc[name, "exponent"] == pytest.approx(law.exponent, rel=0.02)
        assert laws.loc[name, "irreducible"] == pytest.approx(law.irreducible, rel=0.02)
        assert laws.loc[name, "holds"]
    set_value(swept / "rnn-1000000", "bits_per_byte", 5.0)
    assert not power_laws(compare(swept)).set_index("model").loc["rnn", "holds"]


def test_models_that_do_not_cross_are_said_not_to(swept: Path, compare: Compare) -> None:
    for name, budget in itertools.product(("rnn", "ngram"), BUDGETS[1:]):
        shutil.rmtree(swept / f"{name}-{budget}")
    for budget in (20_000, 50_000):  # with the values of the smallest
        for name in ("rnn", "ngram"):
            copy_run(swept / f"{name}-100000", f"{name}-{budget}", {"budget.tokens": budget})
        if budget == 20_000:
            assert of_bits(compare(swept)).empty  # of two budgets nothing is said
    comparison = compare(swept)
    assert list(of_bits(comparison)["verdict"]) == ["they do not cross in the range measured"]
    [said] = [text for text in crossing_sentences(find_crossings(comparison)) if text.startswith("Bits")]
    assert said == ("Bits per byte, along training budget, tokens: Of 1 pairs 1 do not cross in the range measured.")


def test_too_few_seeds_or_unlike_questions_give_a_reason_and_no_verdict(swept: Path, compare: Compare) -> None:
    edit(swept / "rnn-3000000", lambda record: record.update(deterministic=False))
    [row] = of_bits(compare(swept)).to_dict("records")
    assert pd.isna(row["verdict"])
    assert str(row["reason"]).startswith("fewer than 3 seeds of rnn")
    edit(swept / "rnn-100000", lambda record: record["data"].update(fingerprint="ef" * 32))
    [row] = of_bits(compare(swept)).to_dict("records")
    assert row["reason"] == "not compared: they differ in data (cdcdcdcdcdcd and efefefefefef)"


def test_learning_curves_of_three_seeds_are_compared_where_both_were_measured(
    three_seeds: Path, tmp_path: Path, compare: Compare
) -> None:
    results = shutil.copytree(three_seeds, tmp_path / "results")
    found = find_crossings(compare(results))
    assert list(found.columns) == COLUMNS
    [row] = found.to_dict("records")  # the n-gram has no curve
    assert (row["model_a"], row["model_b"]) == ("rnn", "gru")
    assert row["verdict"] == "they do not cross in the range measured"
    for path in results.glob("families/gru-*/curve.parquet"):  # worse at first, better later
        curve = pd.read_parquet(path)
        curve["validation_bits_per_byte"] += 1.5 * (1 - curve["tokens"] / curve["tokens"].max())
        curve.to_parquet(path, index=False)
    [row] = find_crossings(compare(results)).to_dict("records")
    assert row["verdict"] == "they cross"
    assert (row["better_below"], row["better_above"]) == ("rnn", "gru")
    assert row["ci_low"] < row["crossing"] < row["ci_high"]
    for run in results.glob("families/gru-*-s2"):
        shutil.rmtree(run)
    assert find_crossings(compare(results)).empty


def test_the_curve_of_a_stage_stands_beside_no_other(three_seeds: Path, tmp_path: Path, compare: Compare) -> None:
    results = shutil.copytree(three_seeds, tmp_path / "results")
    assert len(find_crossings(compare(results))) == 1
    for run in results.glob("families/gru-*"):
        edit(run, lambda record: record.update(stages=[{"stage": "rloo", "spent": {}}]))
    assert find_crossings(compare(results)).empty
    assert not any(run.learning_curve.size for run in compare(results).fits() if run.record.stages)
