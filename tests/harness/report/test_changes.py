"""What post-training changed: a model beside what it was before, by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.common.results_folder import SAMPLES_FILE
from harness.report import write_report
from harness.report.changes import ALL_STAGES, LAST_STAGE, Ancestor, ancestors, change_table, changes
from harness.report.comparison import Comparison
from harness.statistics.win_rate import at_equal_length
from tests.harness.report.fake_results import MODELS
from tests.harness.report.records import SFT, edit, rloo

BASE, TUNED, REWARDED = (model.name for model in MODELS[3:6])
STAGES: dict[str, dict[str, Any]] = {"sft": {"replay": 0.1}, "rloo": {"beta": 0.3}}


@pytest.fixture
def line(three_seeds: Path, tmp_path: Path) -> Path:
    """Results in which three models are one: before, after sft, and after rloo."""
    results = shutil.copytree(three_seeds, tmp_path / "results")
    base = {int(run.name[-1]): _record(run) for run in results.glob(f"*/{BASE}-greedy-s[0-9]")}
    for run in results.glob("*/*-s[0-9]"):
        names = {TUNED: ["sft"], REWARDED: ["sft", "rloo"]}.get(_model(run), [])
        same = {part: base[int(run.name[-1])][part] for part in ("model", "tokenizer", "data", "training", "budget")}
        post = {"name": "+".join(names) or "none", **{name: STAGES[name] for name in names}}
        told = [SFT, rloo(1.0, 0.1)][: len(names)]
        edit(run, lambda record, new={**same, "post": post, "stages": told}: record.update(new))
    return results


def _record(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "run.json").read_text())
    return record


def _model(run: Path) -> str:
    return next(name for name in (REWARDED, TUNED, BASE) if run.name.startswith(f"{name}-"))


def named(post: str) -> str:
    return f"{BASE}, post={post}"


def samples(results: Path, model: str, decoding: str, eval_name: str) -> pd.DataFrame:
    """Of all seeds, with the values as columns."""
    runs = [run for run in sorted(results.glob(f"*/*-{decoding}-s[0-9]")) if _model(run) == model]
    tables = []
    for run in runs:
        rows = pd.read_parquet(run / SAMPLES_FILE)
        rows = rows[rows["eval"] == eval_name].set_index("sample_id").sort_index()
        tables.append(rows.assign(seed=run.name, right=[json.loads(v)["exact_match"] for v in rows["values"]]))
    return pd.concat(tables)


def test_a_model_is_set_beside_what_it_was_before_its_last_stage_and_before_all(
    line: Path, compare: Callable[[Path], Comparison]
) -> None:
    found = ancestors(compare(line))
    assert set(found) == {
        Ancestor(named("sft"), LAST_STAGE, named("none")),
        Ancestor(named("sft+rloo"), LAST_STAGE, named("sft")),
        Ancestor(named("sft+rloo"), ALL_STAGES, named("none")),
    }


def test_differences_and_wins_are_over_the_same_samples(line: Path, compare: Callable[[Path], Comparison]) -> None:
    table = changes(compare(line))
    rows = table[(table["metric"] == "exact_match") & (table["since"] == ALL_STAGES) & (table["decoding"] == "greedy")]
    [row] = rows.to_dict("records")
    after, before = (samples(line, model, "greedy", "arithmetic") for model in (REWARDED, BASE))
    apart = after["right"].to_numpy(dtype=float) - before["right"].to_numpy(dtype=float)
    assert row["num_seeds"] == 3
    assert row["difference"] == pytest.approx(np.nanmean(apart))
    assert row["ci_low"] < row["difference"] < row["ci_high"]
    assert row["win_rate"] == pytest.approx(np.nanmean((1 + np.sign(apart)) / 2))
    longer = (after["num_tokens"].to_numpy(dtype=float) - before["num_tokens"].to_numpy(dtype=float)).reshape(3, -1)
    won = ((1 + np.sign(apart)) / 2).reshape(3, -1)
    clusters = after["cluster"].fillna(pd.Series(after.index, after.index)).astype(str).to_list()[: won.shape[1]]
    expected = at_equal_length(won, longer, clusters).value
    assert row["win_rate_at_equal_length"] == (pytest.approx(expected) if expected is not None else None)


def test_less_is_better_where_it_is_and_sources_are_told_apart(
    line: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(line)
    table = changes(comparison)
    ladder = table[table["metric"] == "bits_per_byte"]
    assert comparison.ladder is not None
    sources = {f"source={source}" for source in comparison.slices(comparison.ladder).get("source", [])}
    assert set(ladder["slice"]) == {"all", *sources}
    assert ladder["win_rate"].isna().all()  # a ratio of totals is no mean over documents


def test_the_page_has_a_row_a_model_before_and_decoding(line: Path, compare: Callable[[Path], Comparison]) -> None:
    comparison = compare(line)
    table = changes(comparison)
    shown = change_table(table, comparison.headlines)
    assert {"bits per byte", "exact match, %"} <= set(shown.columns)
    rows = [(row["model"], row["before"], row["decoding"]) for row in shown.rows]
    assert len(set(rows)) == len(rows) == 3 * len(comparison.decodings)
    place = shown.columns.index("exact match, %")
    [cell] = [
        row["cells"][place] for row in shown.rows if row["before"] == named("sft") and row["decoding"] == "greedy"
    ]
    [told] = table[
        (table["before"] == named("sft")) & (table["metric"] == "exact_match") & (table["decoding"] == "greedy")
    ].to_dict("records")
    sign = "+" if told["difference"] > 0 else ""
    assert cell["difference"].startswith(f"{sign}{100 * told['difference']:.1f} [")
    assert cell["wins"] == f"wins {100 * told['win_rate']:.1f} %"
    ladder = shown.columns.index("bits per byte")
    told_once = [row["cells"][ladder]["difference"] != "–" for row in shown.rows]
    assert sum(told_once) == 3  # decoding doesn't change it


@pytest.mark.usefixtures("no_plots")
def test_the_report_shows_it_and_without_stages_it_does_not(line: Path, three_seeds: Path) -> None:
    page = write_report(line).page
    assert 'id="change-table"' in page.read_text()
    assert len(pd.read_csv(page.parent / "changes.csv")) > 3


def test_models_without_stages_have_no_changes(three_seeds: Path, compare: Callable[[Path], Comparison]) -> None:
    comparison = compare(three_seeds)
    assert ancestors(comparison) == []
    assert changes(comparison).empty
    assert change_table(changes(comparison), comparison.headlines).rows == []
