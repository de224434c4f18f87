"""Models that were not asked the same are not compared anywhere, and every message names what differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.report import compare as compared
from harness.report import write_report
from harness.report.asked import Asked, differing
from harness.report.cautions import cautions
from harness.report.comparison import ANY_DECODING, Comparison
from harness.report.conclusions import findings
from harness.report.page import render
from harness.report.plots.differences import differences
from harness.report.plots.evals import measures, slices
from harness.report.plots.learning import cost, curves, ladder
from harness.report.plots.sweeps import sweeps
from harness.report.verdicts import Verdicts
from tests.harness.report.fake_results import copy_run
from tests.harness.report.records import edit

Compare = Callable[[Path], Comparison]
Change = Callable[[dict[str, Any]], object]


def other_data(record: dict[str, Any]) -> None:
    record["data"]["fingerprint"] = "ef" * 32


def other_version(record: dict[str, Any]) -> None:
    for metric in record["metrics"]:
        if metric["eval"] == "perplexity":
            metric["eval_version"] = 2


def other_format(record: dict[str, Any]) -> None:
    record["data"]["config"] = {"sources": {"chat": {"format": {"name": "chatml"}}}}


def other_budget(record: dict[str, Any]) -> None:
    record["budget"]["seconds"] = 600.0


def other_options(record: dict[str, Any]) -> None:
    record["evals"]["perplexity"]["curve_bytes"] = 2048


def one_sample_less(experiment: Path) -> None:
    for path in experiment.glob("rnn-*/samples.parquet"):
        table = pd.read_parquet(path)
        table.loc[table["sample_id"] == "d0", "sample_id"] = "d100"
        table.to_parquet(path, index=False)


CHANGES: dict[str, tuple[Change, str]] = {
    "data": (other_data, "data (cdcdcdcdcdcd and efefefefefef)"),
    "version": (other_version, "version of the eval (1 and 2)"),
    "format": (other_format, "format (chatml and human_assistant)"),
    "budget": (other_budget, "budget.seconds (60.0 and 600.0)"),
    "options": (other_options, "evals.perplexity.curve_bytes (none and 2,048)"),
    "samples": (lambda record: None, "samples (8, of which 7 are the same)"),
}


@pytest.fixture(params=CHANGES)
def unlike(request: pytest.FixtureRequest, small: Path) -> tuple[Path, str]:
    """An experiment in which the two families were not asked the same about perplexity; what differs."""
    change, text = CHANGES[request.param]
    for run in small.glob("*-s0"):
        edit(run, lambda record: record["data"].update(config={"chat": {"format": {"name": "human_assistant"}}}))
    for run in small.glob("rnn-*"):
        edit(run, change)
    if request.param == "samples":
        one_sample_less(small)
    return small, text


def test_no_table_sentence_or_plot_compares_them_and_each_names_what_differs(
    unlike: tuple[Path, str], compare: Compare
) -> None:
    experiment, text = unlike
    comparison = compare(experiment)
    verdicts = Verdicts.of(comparison)
    assert comparison.ladder is not None
    row = verdicts.models[verdicts.models["eval"] == "perplexity"].iloc[0]
    assert row["reason"] == f"not compared: they differ in {text}"
    assert row[["difference", "ci_low", "p_value", "p_corrected", "p_value_these_fits", "better"]].isna().all()
    said = findings(comparison, verdicts)
    assert said[0] == f"Bits per byte: no model is the best, because they differ in {text}."
    assert differences(comparison, verdicts.models) is None
    drawn = [ladder(comparison), cost(comparison, "training seconds"), *curves(comparison)]
    drawn += [measures(comparison, "perplexity"), *slices(comparison, comparison.ladder)]
    for plot in drawn:
        assert plot is not None
        assert f"The models differ in {text}, so their order says little." in plot.caption
    # every model is held to what it was asked itself
    assert verdicts.trivial["model"].nunique() == 2
    cautioned = cautions(comparison)
    if text.startswith("data"):
        assert cautioned[0].startswith("These runs used 2 different data sets or splits.")
    else:
        assert [text in sentence for sentence in cautioned] == [True]
        assert cautioned[0].endswith("Such models are not compared; pairwise.csv has the others.")
    page = render(comparison, verdicts, [], experiment).decode()
    assert f"not compared: they differ in {text}" in page
    table = page[page.index('<table class="main">') :].partition("</table>")[0]
    assert "<strong>2." not in table  # the best bits per byte


@pytest.mark.usefixtures("no_plots")
def test_the_report_s_table_of_pairs_has_the_reason(small: Path) -> None:
    for run in small.glob("rnn-*"):
        edit(run, other_version)
    report = write_report(small)
    for pairs in (pd.read_csv(report.page.parent / "pairwise.csv"), compared(small)):
        reasons = pairs[pairs["eval"] == "perplexity"]["reason"]
        assert list(reasons) == ["not compared: they differ in version of the eval (1 and 2)"]
    assert any("version of the eval (1 and 2)" in caution for caution in report.cautions)


@pytest.mark.parametrize(("name", "value"), [("budget.seconds", 600.0), ("evals.perplexity.curve_bytes", 2048)])
def test_two_budgets_of_one_family_are_compared_and_those_of_two_families_are_not(
    small: Path, compare: Compare, name: str, value: float
) -> None:
    copy_run(small / "rnn-greedy-s0", "rnn-longer", {name: value})
    pairs = compare_pairs_of_bits(compare(small))
    reasons = {frozenset((row.model_a, row.model_b)): row.reason for row in pairs.itertuples()}
    assert len(reasons) == 3
    for pair, reason in reasons.items():
        across = "ngram" in pair and f"={value:g}" in "".join(pair)
        assert reason.startswith("not compared: they differ in ") == across, (pair, reason)


def compare_pairs_of_bits(comparison: Comparison) -> pd.DataFrame:
    pairs = Verdicts.of(comparison).models
    return pairs[pairs["metric"] == "bits_per_byte"].fillna({"reason": ""})


def test_a_sweep_over_budgets_is_a_curve_and_one_over_data_says_what_its_points_differ_in(
    small: Path, compare: Compare
) -> None:
    copy_run(small / "rnn-greedy-s0", "rnn-longer", {"budget.seconds": 600.0})
    [plot] = [plot for plot in sweeps(compare(small)) if plot and plot.name.startswith("perplexity")]
    assert "differ" not in plot.caption
    edit(small / "rnn-longer", other_data)
    [plot] = [plot for plot in sweeps(compare(small)) if plot and plot.name.startswith("perplexity")]
    assert "The points differ in data (cdcdcdcdcdcd and efefefefefef): a line across" in plot.caption


def test_seeds_of_one_model_about_different_data_have_no_mean(small: Path, compare: Compare) -> None:
    copy_run(small / "rnn-greedy-s0", "rnn-s1", {"seed": 1, "data.fingerprint": "ef" * 32})
    comparison = compare(small)
    assert comparison.ladder is not None
    cell = comparison.cell("rnn", ANY_DECODING, comparison.ladder)
    assert cell is not None
    assert cell.estimate.value is None
    assert cell.estimate.reason == "its seeds were asked about 2 different data sets"
    [bits] = compare_pairs_of_bits(comparison).itertuples()
    assert bits.reason == "not compared: they differ in data (cdcdcdcdcdcd and cdcdcdcdcdcd with efefefefefef)"


def test_strategies_of_one_model_that_were_not_asked_the_same_are_not_compared(small: Path, compare: Compare) -> None:
    for path in small.glob("rnn-top_k-*/samples.parquet"):
        table = pd.read_parquet(path)
        table.loc[table["sample_id"] == "p0", "sample_id"] = "p100"
        table.to_parquet(path, index=False)
    strategies = Verdicts.of(compare(small)).strategies
    chosen = strategies[(strategies["metric"] == "exact_match") & (strategies["model"] == "rnn")]
    with_it = (chosen["decoding_a"] == "top_k") | (chosen["decoding_b"] == "top_k")
    assert set(chosen.loc[with_it, "reason"]) == {"not compared: they differ in samples (30, of which 29 are the same)"}
    assert chosen.loc[~with_it, "difference"].notna().all()


def test_of_many_values_a_few_are_named_and_the_others_counted() -> None:
    asked = [Asked("lstm", {"version of the eval": str(number)}, {}) for number in range(1, 6)]
    assert differing(asked) == ["version of the eval (1, 2 and 3 others)"]
