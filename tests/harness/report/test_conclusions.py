"""The sentences say what the numbers say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.conclusions import _verdict, can_decide, findings, undecidable
from harness.report.summary import intervals_cover
from harness.report.verdicts import Verdicts
from harness.statistics import paired
from tests.harness.report.conftest import Written
from tests.harness.report.records import edit, edit_metrics, set_value


@pytest.mark.usefixtures("no_plots")
def test_results_of_failed_runs_alone_give_a_page_with_their_errors(small: Path) -> None:
    for run in small.glob("*-s0"):
        edit(run, lambda record: record.update(status="failed", error="RuntimeError: out of luck", metrics=[]))
    report = write_report(small)
    assert "out of luck" in report.page.read_text()
    assert report.findings == ("No run has measured anything: see the runs and their errors at the end.",)
    assert len(report.table) == 8


def let_seeds_matter(runs: Iterable[Path]) -> None:
    for run in runs:
        edit(run, lambda record: record.update(deterministic=False))


def test_one_seed_is_said_to_leave_training_out_and_several_are_said_to_be_covered(
    small: Path, three_seeds: Path, tmp_path: Path, compare: Callable[[Path], Comparison]
) -> None:
    assert intervals_cover(compare(small)) == "cover the choice of test samples; no fit here depends on its seed"
    let_seeds_matter(small.glob("rnn-*"))
    assert intervals_cover(compare(small)).endswith("not training: there is one seed a model")
    several = shutil.copytree(three_seeds, tmp_path / "several")
    let_seeds_matter(several.glob("*/rnn-*-s[0-9]"))
    assert intervals_cover(compare(several)) == "cover training seeds (3 a model) and test samples"


def test_the_first_finding_names_the_best_the_next_and_the_paired_difference(written: Written) -> None:
    first = written.report.findings[0]
    assert first.startswith("Lowest bits per byte: lstm, 2.")
    assert "Next: gru, 2." in first
    assert "paired difference 0." in first
    assert ", corrected p" in first
    assert written.report.findings[1].startswith("Highest exact match: ")
    assert "Guessing gets 0.4 %; " in written.report.findings[1]
    assert (
        "Guessing gets 8.000; every model is significantly better than that (corrected for the number of tests)."
        in first
    )


def test_best_and_next_say_under_which_decoding_strategy_they_are(written: Written) -> None:
    exact = written.report.findings[1]
    assert exact.startswith("Highest exact match: transformer under greedy, ")
    assert "Next: lstm under greedy, " in exact
    assert "Next strategy of transformer: " in exact
    assert "under" not in written.report.findings[0]  # no strategy changes bits per byte


def test_no_model_is_called_best_where_models_met_different_texts(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32))
    comparison = compare(small)
    said = findings(comparison, Verdicts.of(comparison))
    differ = "no model is the best, because they differ in data (cdcdcdcdcdcd and efefefefefef)."
    assert said[0] == f"Bits per byte: {differ}"
    assert said[1].startswith("Exact match under ")
    assert not any("ighest" in sentence or "owest" in sentence for sentence in said)


def test_the_winner_of_a_measure_of_real_text_is_the_nearest_and_not_the_lowest(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    def change(metric: dict[str, Any]) -> None:
        if metric["metric"] == "took_its_turn":
            metric.update(higher_is_better=None, nearest_to="real", value=0.1, ci_low=0.05, ci_high=0.15)
        if metric["metric"] == "handed_back":
            metric.update(metric="real", higher_is_better=None, value=0.3, ci_low=0.2, ci_high=0.4)

    edit_metrics(small, change)
    run = small / "ngram-top_k-s0"
    edit(run, lambda record: [m.update(value=0.32) for m in record["metrics"] if m["metric"] == "took_its_turn"])
    comparison = compare(small)
    said = findings(comparison, Verdicts.of(comparison))
    assert said[2].startswith("Took its turn nearest to real (30.0 %): ngram under top_k, 32.0 % ")


def test_models_that_tie_are_said_to_tie(small: Path, compare: Callable[[Path], Comparison]) -> None:
    for run in small.glob("*-s0"):
        table = pd.read_parquet(run / "samples.parquet")
        chosen = table["eval"] == "arithmetic"
        table.loc[chosen, "values"] = '{"exact_match": false}'
        table.to_parquet(run / "samples.parquet")

        def fail(record: dict[str, Any]) -> None:
            for metric in record["metrics"]:
                if metric["metric"] == "exact_match":
                    metric.update(value=0.0, ci_low=0.0, ci_high=0.1)

        edit(run, fail)
    comparison = compare(small)
    said = findings(comparison, Verdicts.of(comparison))
    assert said[1].startswith("Exact match: 0.0 % [0.0, 10.0] for every model under every decoding strategy.")
    assert said[1].endswith("no model is significantly better than that (corrected for the number of tests).")


@pytest.mark.usefixtures("no_plots")
def test_measures_that_only_describe_are_in_the_tables_and_no_model_is_the_best(small: Path) -> None:
    def describe(record: dict[str, Any]) -> None:
        kept = [one for one in record["metrics"] if one["metric"] == "exact_match"]
        asked_nothing = {
            **kept[0],
            "eval": "idle",
            "metric": "samples",
            "value": None,
            "n": 0,
            "n_total": 0,
            "reason": "-",
        }
        record["metrics"] = [{**one, "higher_is_better": None, "chance": None} for one in [*kept, asked_nothing]]

    for run in small.glob("*-s0"):
        edit(run, describe)
    report = write_report(small)
    assert report.findings == ("No model is the best: no measure here is better or worse. The tables have the values.",)
    assert list(report.table.columns)[-1] == "exact match, %"
    assert (report.table["exact match, %"] != "–").all()
    assert (report.page.parent / "pairwise.csv").read_text().count("\n") == 1
    assert "exact match" in (report.page.parent / "summary.md").read_text()


@pytest.fixture
def one_model(small: Path) -> Path:
    """One model under four strategies. Returns the experiment's folder."""
    for run in small.glob("rnn-*"):
        shutil.rmtree(run)
    return small


def test_no_strategy_is_called_best_where_all_are_equal(one_model: Path, compare: Callable[[Path], Comparison]) -> None:
    for run in one_model.glob("*-s0"):
        set_value(run, "took_its_turn", 0.0)
    comparison = compare(one_model)
    bits, _, turns, _ = findings(comparison, Verdicts.of(comparison))
    assert turns.startswith("Took its turn: 0.0 % ")
    assert " for every decoding strategy." in turns
    assert bits.startswith("Bits per byte: ngram, 2.")  # of one value none is the lowest


def test_strategies_that_tie_for_the_best_are_all_named(one_model: Path, compare: Callable[[Path], Comparison]) -> None:
    for run in one_model.glob("*-s0"):
        set_value(run, "took_its_turn", 0.0 if run.name == "ngram-greedy-s0" else 0.5)
    comparison = compare(one_model)
    turns = findings(comparison, Verdicts.of(comparison))[2]
    assert turns.startswith("Highest took its turn: ngram under temperature, top_k and top_p, 50.0 %")
    assert "Next strategy" not in turns


def test_no_model_is_called_best_by_a_value_without_an_interval(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    def change(metric: dict[str, Any]) -> None:
        if metric["metric"] == "took_its_turn":
            why = "all samples are in one cluster: no interval"
            metric.update(ci_low=None, ci_high=None, stderr=None, reason=why, n=2, n_total=2)

    edit_metrics(small, change)
    set_value(small / "rnn-top_k-s0", "took_its_turn", 0.99)
    comparison = compare(small)
    turns = findings(comparison, Verdicts.of(comparison))[2]
    assert turns == (
        "Took its turn: no best is named (all samples are in one cluster: no interval). rnn under top_k has 99.0 %."
    )


@pytest.mark.parametrize("num_clusters", [1, 3, 4, 5, 6])
def test_a_design_can_decide_where_it_gives_an_interval(num_clusters: int) -> None:
    far_apart = paired([10.0 + number for number in range(num_clusters)], [0.0] * num_clusters)
    pair = pd.Series({"num_clusters": num_clusters, "smallest_possible_p": None})
    assert can_decide(pair) == (far_apart.difference.ci_low is not None)
    if not can_decide(pair):
        assert "an interval needs at least 5" in undecidable(pair)


def test_fits_of_too_few_seeds_say_that_nothing_is_said_of_the_families_and_what_to_do(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    let_seeds_matter(small.iterdir())
    comparison = compare(small)
    verdicts = Verdicts.of(comparison)
    assert set(verdicts.models["about"].dropna()) == {"these two fits"}
    assert verdicts.models["better"].isna().all()
    said = findings(comparison, verdicts)
    assert said[0].endswith(": these two fits differ significantly.")
    assert said[-1] == (
        "rnn and ngram have fewer than 3 seeds: what is found holds for these fits and says nothing yet about the "
        "families. To compare families, add seed=0,1,2 to the command, as in `bakeoff compare seed=0,1,2`."
    )
    assert not any("family" in sentence or "families" in sentence for sentence in said[:-1])


def test_families_that_count_need_no_more_seeds(small: Path, compare: Callable[[Path], Comparison]) -> None:
    comparison = compare(small)
    verdicts = Verdicts.of(comparison)
    said = findings(comparison, verdicts)
    assert said[0].endswith(": a significant difference.")
    assert said[-1].startswith("Intervals cover ")
    let_seeds_matter(small.glob("rnn-*"))  # the other one has its one fit whatever the seed
    assert findings(*both(compare(small)))[-1].startswith("rnn has fewer than 3 seeds: ")


@pytest.mark.parametrize(("p", "verdict"), [(0.01, "differ significantly"), (0.3, "do not differ significantly")])
def test_strategies_of_one_fit_are_not_called_two_fits(p: float, verdict: str) -> None:
    pair = {"nearest_to": None, "unit": "share", "difference": 0.1, "ci_low": 0.02, "ci_high": 0.18, "n": 40}
    pair |= {
        "num_clusters": 30,
        "p_corrected": p,
        "smallest_possible_p": 1e-8,
        "better": None,
        "about": "these two fits",
        "reason": None,
    }
    of_strategies = pd.Series(pair | {"decoding_a": "greedy", "decoding_b": "top_p"})
    of_models = pd.Series(pair | {"model_a": "gru", "model_b": "lstm"})
    assert _verdict(of_strategies, "greedy").endswith(f": the strategies {verdict} with these fits.")
    assert _verdict(of_models, "gru").endswith(f": these two fits {verdict}.")


def both(comparison: Comparison) -> tuple[Comparison, Verdicts]:
    return comparison, Verdicts.of(comparison)
