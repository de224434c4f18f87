"""The report's files: what is there, what it says, and that the same records give the same bytes."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.common.errors import UserError
from harness.evaluation.metric import Metric
from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.conclusions import findings
from harness.report.pairs import compare_pairs
from harness.runs.record import RunRecord
from harness.statistics.intervals import over_seeds
from harness.statistics.paired import holm, paired
from tests.harness.report.conftest import Written
from tests.harness.report.fake_results import MODELS, write_fake_results

REPOSITORY = Path(__file__).parents[3]


def edit(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the JSON of a run's record."""
    record = json.loads((run / "run.json").read_text())
    change(record)
    (run / "run.json").write_text(json.dumps(record))


def test_every_promised_file_is_there(written: Written) -> None:
    assert written.folder == written.experiment / "report"
    names = {path.name for path in written.folder.iterdir()}
    assert {f"summary.{ending}" for ending in ("csv", "parquet", "md", "tex")} <= names
    assert {"runs.csv", "runs.parquet", "pairwise.csv", "report.html"} <= names
    plots = {"ladder", "validation_by_seconds", "validation_by_tokens", "cost_parameters", "cost_seconds"} | {
        "perplexity_by_position",
        "perplexity_by_source",
        "arithmetic_measures",
        "arithmetic_by_operation",
        "arithmetic_by_digits",
        "turn_taking_measures",
    }
    assert {f"{plot}.{ending}" for plot in plots for ending in ("svg", "png")} <= names
    assert {path.name for path in written.report.files} == names


def test_the_report_is_made_of_the_same_bytes_again_without_torch_hydra_and_wandb(
    written: Written, tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'hydra', 'omegaconf', 'wandb', 'streamlit', 'lm_eval'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from harness.report import write_report\n"
        f"print(write_report(Path({str(written.experiment)!r}), Path({str(tmp_path / 'again')!r})).page)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(REPOSITORY), "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for path in written.folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_summary_has_a_row_a_model_and_decoding_with_the_recorded_values(written: Written) -> None:
    table = pd.read_csv(written.folder / "summary.csv")
    assert len(table) == 32
    pd.testing.assert_frame_equal(
        table, pd.read_parquet(written.folder / "summary.parquet"), check_dtype=False, rtol=1e-9
    )
    record = RunRecord.read(written.experiment / "lstm-greedy-s0")
    row = table[(table["model"] == "lstm") & (table["decoding"] == "greedy")].iloc[0]
    for metric in record.metrics:
        if metric.slice == "all":
            assert row[metric.metric] == pytest.approx(metric.value, rel=1e-9)
            assert row[f"{metric.metric}_n"] == metric.n
            assert row[f"{metric.metric}_n_total"] == metric.n_total
            if metric.ci_low is not None:
                assert row[f"{metric.metric}_ci_low"] == pytest.approx(metric.ci_low, rel=1e-9)
                assert row[f"{metric.metric}_ci_high"] == pytest.approx(metric.ci_high, rel=1e-9)
    assert (row["family"], row["num_seeds"], row["num_params"], row["train_seconds"]) == ("lstm", 1, 798_720, 60)


def test_models_stand_from_gibberish_upward(written: Written) -> None:
    order = list(dict.fromkeys(pd.read_csv(written.folder / "summary.csv")["model"]))
    bits = pd.read_csv(written.folder / "summary.csv").groupby("model")["bits_per_byte"].mean()
    assert order == list(bits.sort_values(ascending=False).index)
    assert list(dict.fromkeys(written.report.table["model"])) == order


def test_a_failed_run_keeps_its_row_and_has_no_values(written: Written) -> None:
    table = pd.read_csv(written.folder / "summary.csv")
    row = table[(table["model"] == "rnn") & (table["decoding"] == "top_p")].iloc[0]
    assert (row["num_seeds"], row["num_failed"]) == (0, 1)
    assert math.isnan(row["bits_per_byte"])
    runs = pd.read_csv(written.folder / "runs.csv")
    failed = runs[runs["status"] == "failed"]
    assert len(failed) == 1
    assert "loss became NaN" in failed.iloc[0]["error"]
    readable = written.report.table
    chosen = readable[(readable["model"] == "rnn") & (readable["decoding"] == "top_p")].iloc[0]
    assert (chosen["seeds"], chosen["bits per byte"]) == ("0 (1 failed)", "–")


def test_the_long_frame_has_a_row_a_run_metric_and_slice(written: Written) -> None:
    runs = pd.read_parquet(written.folder / "runs.parquet")
    folders = [path.parent for path in written.experiment.glob("*/run.json")]
    records = [RunRecord.read(folder) for folder in folders]
    assert len(runs) == sum(max(1, len(record.metrics)) for record in records)
    assert not runs.duplicated(["run_id", "eval", "metric", "slice"]).any()
    one = runs[(runs["run_id"] == "gru-top_p-s0") & (runs["slice"] == "operation=+")].iloc[0]
    wanted = next(m for m in RunRecord.read(written.experiment / "gru-top_p-s0").metrics if m.slice == "operation=+")
    assert {name: one[name] for name in ("value", "n", "n_total", "chance", "ci_low")} == {
        name: getattr(wanted, name) for name in ("value", "n", "n_total", "chance", "ci_low")
    }


def test_over_seeds_the_summary_gives_the_hierarchical_bootstrap_of_the_samples(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(three_seeds)
    assert comparison.ladder is not None
    cell = comparison.cell("gru", "any", comparison.ladder)
    assert cell is not None
    rows = [
        table[table["eval"] == "perplexity"].sort_values("sample_id")
        for table in (pd.read_parquet(three_seeds / f"families/gru-greedy-s{s}/samples.parquet") for s in range(3))
    ]
    by_hand = over_seeds(
        [row["nats"].to_numpy() for row in rows],
        rows[0]["cluster"].to_list(),
        [row["num_bytes"].to_numpy(dtype=float) for row in rows],
        1 / math.log(2),
    )
    assert cell.seeds == (0, 1, 2)
    assert cell.estimate == by_hand
    assert cell.estimate.value == pytest.approx(np.mean(cell.per_seed))


def test_a_slice_of_parts_of_documents_has_the_hierarchical_bootstrap_of_the_parts(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(three_seeds)
    assert comparison.ladder is not None
    cell = comparison.cell("gru", "any", comparison.ladder, "position=16-31")
    assert cell is not None
    rows = [
        table[table["eval"] == "perplexity"].sort_values("sample_id")
        for table in (pd.read_parquet(three_seeds / f"families/gru-greedy-s{s}/samples.parquet") for s in range(3))
    ]
    parts = [[json.loads(text) for text in row["parts"]] for row in rows]
    long = [place for place, part in enumerate(parts[0]) if "position" in part]
    assert 0 < len(long) < len(parts[0])
    by_hand = over_seeds(
        [[seed[place]["position"]["16-31"]["nats"] for place in long] for seed in parts],
        rows[0]["cluster"].iloc[long].to_list(),
        [[16.0] * len(long)] * 3,
        1 / math.log(2),
    )
    assert cell.estimate == by_hand


def test_a_measure_that_no_sample_mean_gives_is_put_together_from_the_seeds_summaries(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(three_seeds)
    median = next(m for m in comparison.measures if m.metric == "turn_tokens")
    cell = comparison.cell("gru", "greedy", median)
    assert cell is not None
    records = [RunRecord.read(three_seeds / f"families/gru-greedy-s{seed}") for seed in range(3)]
    metrics = [m for record in records for m in record.metrics if m.metric == "turn_tokens"]
    values = [m.value for m in metrics if m.value is not None]
    within = np.mean([m.stderr**2 for m in metrics if m.stderr is not None])
    assert cell.estimate.value == pytest.approx(np.mean(values))
    assert cell.estimate.stderr == pytest.approx(math.sqrt(np.var(values, ddof=1) / 3 + within))
    assert cell.estimate.reason is not None
    assert "summaries" in cell.estimate.reason


def test_the_values_of_a_curve_stand_in_their_order(three_seeds: Path, compare: Callable[[Path], Comparison]) -> None:
    comparison = compare(three_seeds)
    assert comparison.ladder is not None
    order = ["0-15", "16-31", "32-63", "64-127"]
    assert comparison.slices(comparison.ladder)["position"] == order


def test_every_pair_is_compared_on_every_headline_and_decoding(written: Written, decodings: list[str]) -> None:
    pairs = pd.read_csv(written.folder / "pairwise.csv")
    names = {frozenset(pair) for pair in itertools.combinations([fake.name for fake in MODELS], 2)}
    bits = pairs[pairs["metric"] == "bits_per_byte"]
    assert {frozenset(pair) for pair in zip(bits["model_a"], bits["model_b"], strict=True)} == names
    assert set(bits["decoding"]) == {"any"}  # likelihoods don't depend on the decoding strategy
    exact = pairs[pairs["metric"] == "exact_match"]
    assert sorted(exact["decoding"].unique()) == decodings
    assert len(exact) == 4 * len(names) - 7  # the failed run misses its seven pairs
    assert not pairs.duplicated(["metric", "decoding", "model_a", "model_b"]).any()


def test_a_row_of_the_pairs_is_the_paired_difference_over_the_same_samples(written: Written) -> None:
    pairs = pd.read_csv(written.folder / "pairwise.csv")
    exact = pairs[(pairs["metric"] == "exact_match") & (pairs["decoding"] == "greedy")]
    row = exact[(exact["model_a"] == "transformer") & (exact["model_b"] == "lstm")].iloc[0]
    tables = []
    for name in ("transformer", "lstm"):
        table = pd.read_parquet(written.experiment / f"{name}-greedy-s0" / "samples.parquet")
        tables.append(table[table["eval"] == "arithmetic"].sort_values("sample_id"))
    a, b = ([json.loads(text)["exact_match"] for text in table["values"]] for table in tables)
    by_hand = paired(a, b, tables[0]["cluster"].to_list())
    assert row["difference"] == pytest.approx(np.mean(a) - np.mean(b))
    assert row["p_value"] == pytest.approx(by_hand.p_value)
    assert row["ci_low"] == pytest.approx(by_hand.difference.ci_low)
    assert row["smallest_detectable_difference"] == pytest.approx(by_hand.smallest_detectable_difference)
    assert (row["n"], row["n_total"], row["num_clusters"]) == (160, 160, 160)
    np.testing.assert_allclose(exact["p_holm"], np.array(holm(exact["p_value"].to_list()), dtype=float), rtol=1e-8)


def test_a_model_is_called_better_only_with_a_small_corrected_p_and_an_interval_without_zero(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    pairs = compare_pairs(compare(three_seeds))
    clear = pairs[pairs["better"].notna()]
    assert len(clear)
    assert (clear["p_holm"] < 0.05).all()
    assert ((clear["ci_low"] > 0) | (clear["ci_high"] < 0)).all()
    bits = clear[clear["metric"] == "bits_per_byte"]
    lower = bits["model_b"].where(bits["difference"] > 0, bits["model_a"])
    assert (bits["better"] == lower).all()
    unclear = pairs[pairs["better"].isna()]
    assert ((unclear["p_holm"] >= 0.05) | ((unclear["ci_low"] <= 0) & (unclear["ci_high"] >= 0))).all()


def test_settings_that_differ_make_systems_and_seeds_do_not(small: Path, compare: Callable[[Path], Comparison]) -> None:
    for run in small.glob("ngram-*"):
        edit(run, lambda record: record["model"].update(order=3))
    source = small / "ngram-greedy-s0"
    for order, seed in ((5, 0), (5, 1)):
        copy = small / f"ngram-order{order}-s{seed}"
        copy.mkdir()
        for path in source.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())

        def change(record: dict[str, Any], order: int = order, seed: int = seed, name: str = copy.name) -> None:
            record.update(run_id=name, fit_id=name, seed=seed)
            record["model"].update(order=order)

        edit(copy, change)
    comparison = compare(small)
    assert set(comparison.systems) == {"ngram, order=3", "ngram, order=5", "rnn"}
    assert comparison.ladder is not None
    cell = comparison.cell("ngram, order=5", "greedy", comparison.ladder)
    assert cell is not None
    assert cell.seeds == (0, 1)


def test_an_eval_that_the_harness_has_never_heard_of_is_tabulated_and_drawn(small: Path) -> None:
    def add(record: dict[str, Any]) -> None:
        for part, value in (("all", 0.25), ("colour=red", 0.5), ("colour=blue", 0.0)):
            metric = Metric("riddles | <b>", 3, "solved", part, value, "share", True, 4, 5, 0.2, 0.05, 0.7, 0.1)
            record["metrics"].append(vars(metric))

    for run in small.glob("*-s0"):
        edit(run, add)
    report = write_report(small)
    table = pd.read_csv(report.page.parent / "summary.csv")
    assert (table["solved"] == 0.25).all()
    assert (table["solved_n"] == 4).all()
    assert (table["solved_n_total"] == 5).all()
    assert (report.table["solved, %"] == "25.0 [5.0, 70.0]").all()
    assert (report.page.parent / "riddles____b__by_colour.svg").is_file()
    assert (report.page.parent / "riddles____b__measures.svg").is_file()
    assert "riddles | &lt;b&gt;" in report.page.read_text()


@pytest.mark.usefixtures("no_plots")
def test_two_evals_with_a_metric_of_one_name_keep_both(small: Path) -> None:
    extra = Metric("other", 1, "exact_match", "all", 0.125, "share", True, 8, 8)
    for run in small.glob("*-s0"):
        edit(run, lambda record: record["metrics"].append(vars(extra)))
    table = pd.read_csv(write_report(small).page.parent / "summary.csv")
    assert (table["other.exact_match"] == 0.125).all()
    assert "arithmetic.exact_match" in table.columns
    assert "exact_match" not in table.columns


@pytest.mark.usefixtures("no_plots")
def test_a_missing_value_is_a_dash_with_its_reason_never_zero(small: Path) -> None:
    def lose(record: dict[str, Any]) -> None:
        for metric in record["metrics"]:
            if metric["metric"] == "took_its_turn":
                metric.update(value=None, n=0, stderr=None, ci_low=None, ci_high=None, reason="no <i>transcripts</i>")

    for run in small.glob("rnn-*"):
        edit(run, lose)
    report = write_report(small)
    table = pd.read_csv(report.page.parent / "summary.csv").set_index("model")
    assert table.loc["rnn", "took_its_turn"].isna().all()
    assert (table.loc["rnn", "took_its_turn_n"] == 0).all()
    assert (table.loc["rnn", "took_its_turn_n_total"] == 60).all()
    assert (report.table.set_index("model").loc["rnn", "took its turn, %"] == "–").all()
    assert "no &lt;i&gt;transcripts&lt;/i&gt;" in report.page.read_text()


def test_runs_without_samples_or_curves_still_make_a_report_and_pairs_say_why_not(small: Path) -> None:
    for path in [*small.glob("rnn-*/samples.parquet"), *small.glob("*/curve.parquet")]:
        path.unlink()
    report = write_report(small)
    pairs = pd.read_csv(report.page.parent / "pairwise.csv")
    assert (pairs["reason"] == "no samples that give rnn").all()
    assert pairs["p_value"].isna().all()
    assert not (report.page.parent / "validation_by_seconds.svg").exists()
    assert (report.page.parent / "ladder.svg").exists()


@pytest.mark.usefixtures("no_plots")
def test_systems_on_different_data_are_not_paired_and_the_page_warns(small: Path) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32))
    report = write_report(small)
    pairs = pd.read_csv(report.page.parent / "pairwise.csv")
    assert (pairs["reason"] == "not the same data").all()
    assert "cannot be compared" in report.page.read_text()


@pytest.mark.usefixtures("no_plots")
def test_results_of_failed_runs_alone_give_a_page_with_their_errors(small: Path) -> None:
    for run in small.glob("*-s0"):
        edit(run, lambda record: record.update(status="failed", error="RuntimeError: out of luck", metrics=[]))
    report = write_report(small)
    assert "out of luck" in report.page.read_text()
    assert report.findings == ("No run has measured anything: see the runs and their errors at the end.",)
    assert len(report.table) == 8


@pytest.mark.usefixtures("no_plots")
def test_one_seed_is_said_to_leave_training_out_and_several_are_said_to_be_covered(
    written: Written, three_seeds: Path, tmp_path: Path
) -> None:
    assert written.report.findings[-1].endswith("not training: there is one seed a model.")
    several = write_report(three_seeds, tmp_path / "out")
    assert several.findings[-1] == "Intervals cover training seeds (3 a model) and test samples."


def test_the_first_finding_names_the_best_the_next_and_the_paired_difference(written: Written) -> None:
    first = written.report.findings[0]
    assert first.startswith("Lowest bits per byte: lstm, 2.")
    assert "Next: gru, 2." in first
    assert "paired difference 0." in first
    assert "Holm-corrected p" in first
    assert written.report.findings[1].startswith("Highest exact match: ")
    assert "Chance is 0.4 %" in written.report.findings[1]
    assert "Chance is 8.000; every model is clearly better than that." in first


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
    said = findings(comparison, compare_pairs(comparison))
    assert said[1].startswith("Exact match under greedy: 0.0 % [0.0, 10.0] for every model.")
    assert said[1].endswith("no model is clearly better than that.")


@pytest.mark.usefixtures("no_plots")
def test_a_single_run_and_an_experiments_folder_can_be_reported(small: Path) -> None:
    alone = write_report(small / "rnn-greedy-s0")
    assert alone.page == small / "rnn-greedy-s0" / "report" / "report.html"
    assert len(alone.table) == 1
    assert write_report(small).page == small / "report" / "report.html"
    assert len(write_report(small).table) == 8  # the report's own folder is no run


@pytest.mark.usefixtures("no_plots")
def test_each_experiment_gets_its_report_and_out_makes_one_of_all(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_fake_results(
            tmp_path, experiment=name, models=MODELS[:2], num_documents=6, num_problems=15, mishaps=False
        )
    apart = write_report(tmp_path)
    assert apart.pages == (tmp_path / "first/report/report.html", tmp_path / "second/report/report.html")
    assert len(apart.table) == 16
    together = write_report(tmp_path, tmp_path / "all")
    assert together.pages == (tmp_path / "all/report.html",)
    assert set(together.table["model"]) == {
        f"{fake.name}, experiment={name}" for fake in MODELS[:2] for name in ("first", "second")
    }


def test_unfinished_runs_are_counted_and_said(written: Written) -> None:
    page = written.report.page.read_text()
    assert "1 more begun and not finished" in page
    assert "0123abcd-unfinished" in page


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda results: results / "nowhere", "does not exist"),
        (lambda results: _touch(results / "notes.txt"), "is a file"),
        (lambda results: _touch(results / "empty" / "notes.txt").parent, "holds no run"),
        (lambda results: _touch(results / "begun" / "run-1" / "config.yaml").parent.parent, "begun and not finished"),
        (lambda results: _spoilt(results, "run.json", b"{"), "not valid JSON"),
        (lambda results: _spoilt(results, "run.json", b'{"schema_version": 3}'), "is no run record"),
        (lambda results: _spoilt(results, "run.json", b'{"schema_version": 99}'), "schema version 99"),
        (lambda results: _spoilt(results, "samples.parquet", b"PAR1 nonsense"), "cannot be read"),
        (lambda results: _spoilt(results, "curve.parquet", b""), "cannot be read"),
    ],
)
@pytest.mark.usefixtures("no_plots")
def test_what_cannot_be_reported_is_one_clear_message(small: Path, spoil: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(UserError, match=said):
        write_report(spoil(small))


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def _spoilt(experiment: Path, name: str, content: bytes) -> Path:
    (experiment / "rnn-greedy-s0" / name).write_bytes(content)
    return experiment


def test_an_out_that_is_a_file_is_refused(small: Path) -> None:
    with pytest.raises(UserError, match="is a file"):
        write_report(small, small / "rnn-greedy-s0" / "run.json")


@pytest.mark.usefixtures("no_plots")
def test_no_cell_of_a_csv_is_a_formula_and_every_csv_is_read_back(small: Path) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: (record["model"].update(name="=HYPERLINK(1)"), record.update(error="+1\n@x")))
    folder = write_report(small).page.parent
    for name in ("summary.csv", "runs.csv", "pairwise.csv"):
        rows = list(csv.reader(io.StringIO((folder / name).read_text())))
        assert len({len(row) for row in rows}) == 1
        for cell in itertools.chain.from_iterable(rows):
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or float(cell) <= 0


def test_the_markdown_and_latex_tables_have_as_many_cells_in_every_row(written: Written) -> None:
    rows = [line for line in (written.folder / "summary.md").read_text().splitlines() if line.startswith("|")]
    assert len(rows) == 34
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
    tex = (written.folder / "summary.tex").read_text()
    lines = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 33
    assert len({line.replace(r"\&", "").count("&") for line in lines}) == 1
    assert tex.count(r"\toprule") == tex.count(r"\midrule") == tex.count(r"\bottomrule") == 1
