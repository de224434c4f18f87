"""What post-training changed: each model with stages against what it was before the last stage, and before all.

Differences are paired, sample by sample. The win rate is the share of samples on which the model after is better than
before, ties counting half; where models answer, it is also given at equal length of the answers. Nothing here is
corrected for the number of rows: pairwise.csv is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.common.numerals import number, quantity
from harness.report.asked import differing
from harness.report.comparison import ANY_DECODING, Comparison, Floats, MeasureKey
from harness.report.pairs import NO_PAIRED_TEST, THESE_FITS, as_columns
from harness.report.wording import heading
from harness.runs.record import MISSED_BY, RunRecord
from harness.statistics.estimate import Estimate
from harness.statistics.paired_difference import paired
from harness.statistics.win_rate import at_equal_length, win_rate, wins

LAST_STAGE, ALL_STAGES = "the last stage", "all stages"
COLUMNS = [
    "model",
    "since",
    "before",
    "eval",
    "metric",
    "slice",
    "decoding",
    "unit",
    "higher_is_better",
    "num_seeds",
    "value_before",
    "value_after",
    "difference",
    "ci_low",
    "ci_high",
    "about",
    "win_rate",
    "win_rate_low",
    "win_rate_high",
    "win_rate_at_equal_length",
    "win_rate_at_equal_length_low",
    "win_rate_at_equal_length_high",
    "n",
    "num_clusters",
    "reason",
]


@dataclass(frozen=True)
class Ancestor:
    """A model with stages, and one that it was before."""

    model: str
    since: str
    """The last stage, or all of them where there are several."""
    before: str


def changes(comparison: Comparison) -> pd.DataFrame:
    """One row a model with stages x earlier model x measure x decoding; of the ladder's measure also one a source."""
    return pd.DataFrame(list(_rows(comparison)), columns=COLUMNS)


def ancestors(comparison: Comparison) -> list[Ancestor]:
    """For each model with stages, in the order of systems, the models that it was before, if they are here too."""
    by_settings = {_settings(run.record): run.system for run in comparison.results.runs}
    found: dict[tuple[str, str], str] = {}
    for run in comparison.results.runs:
        stages = _stages(run.record)
        for since, num_left in ((LAST_STAGE, len(stages) - 1), (ALL_STAGES, 0)):
            is_told = since == ALL_STAGES and len(stages) < 2  # by the row before
            if stages and not is_told and (before := by_settings.get(_settings(run.record, num_left))) is not None:
                found[run.system, since] = before
    return [
        Ancestor(system, since, found[system, since])
        for system in comparison.systems
        for since in (LAST_STAGE, ALL_STAGES)
        if (system, since) in found
    ]


def _stages(record: RunRecord) -> list[str]:
    name = str(record.post.get("name", "none"))
    return [] if name == "none" else name.split("+")


def _settings(record: RunRecord, num_stages: int | None = None) -> str:
    """What names a fit of a run, as text; num_stages: with so many of its stages only."""
    kept = _stages(record)[:num_stages]
    budget = {name: value for name, value in record.budget.items() if name not in MISSED_BY}
    post = {stage: record.post[stage] for stage in kept}
    data = {name: value for name, value in record.data.items() if name != "test_problems_seen_in_training"}
    parts = (record.model, record.tokenizer, data, record.training, budget, post, record.seed)
    return json.dumps(parts, sort_keys=True, default=str)


def _rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    judged = [measure for measure in comparison.measures if measure.is_judged and measure.baseline is None]
    for ancestor in ancestors(comparison):
        for measure in judged:
            parts = ["all"]
            if measure == comparison.ladder:
                parts += [f"source={source}" for source in comparison.slices(measure).get("source", [])]
            for decoding in comparison.decodings_of(measure):
                for part in parts:
                    if (row := _row(comparison, ancestor, measure, decoding, part)) is not None:
                        yield row


def _row(
    comparison: Comparison, ancestor: Ancestor, measure: MeasureKey, decoding: str, part: str
) -> dict[str, Any] | None:
    """None where one of the two has no value."""
    names = (ancestor.model, ancestor.before)
    cells = [comparison.cell(name, decoding, measure, part) for name in names]
    after, before = (None if cell is None else cell.estimate.value for cell in cells)
    if after is None or before is None:
        return None
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"model": ancestor.model, "since": ancestor.since, "before": ancestor.before}
    row |= {"eval": measure.eval, "metric": measure.metric, "slice": part, "decoding": decoding, "unit": measure.unit}
    row |= {"higher_is_better": measure.higher_is_better, "value_before": before, "value_after": after}
    row |= {
        "difference": after - before,
        "num_seeds": min(len(cell.seeds) for cell in cells if cell is not None),
        "n": 0,
    }
    asked = [comparison.asked(name, decoding, measure) for name in names]
    if apart := differing([one for one in asked if one is not None]):
        return row | {"difference": None, "reason": f"not compared: they differ in {', '.join(apart)}"}
    return row | _paired(comparison, names, measure, decoding, part)


def _paired(
    comparison: Comparison, names: tuple[str, str], measure: MeasureKey, decoding: str, part: str
) -> dict[str, Any]:
    """The difference over the samples of both, and how often the first is better."""
    sides = [comparison.lined_up(name, decoding, measure, part) for name in names]
    after, before = sides
    if after is None and before is None:
        return {"reason": NO_PAIRED_TEST}
    if after is None or before is None or after.ids != before.ids or after.formula != before.formula:
        return {"reason": "there are no samples that both share"}
    weights = after.denominators
    if (
        weights is None
        or before.denominators is None
        or not np.array_equal(weights, before.denominators, equal_nan=True)
    ):
        return {"reason": "their samples are not divided by the same"}
    difference = paired(
        list(after.tops),
        list(before.tops),
        after.clusters,
        None if after.is_mean else weights,
        after.formula.scale,
        after.strata,
        (after.seeds_vary, before.seeds_vary),
    )
    known = {name: value for name, value in as_columns(difference, "families", THESE_FITS).items() if name in COLUMNS}
    seeds = [sorted(comparison.records(name, decoding, measure, part)) for name in names]
    if not after.is_mean or measure.higher_is_better is None or seeds[0] != seeds[1]:
        return known
    sign = 1 if measure.higher_is_better else -1
    won = wins(sign * after.tops, sign * before.tops)
    vary = after.seeds_vary or before.seeds_vary
    known |= _named("win_rate", win_rate(won, after.clusters, after.strata, vary))
    if measure.eval in comparison.answered and measure.uses_decoding:
        lengths = [_lengths(comparison, name, measure, decoding, after.ids) for name in names]
        if all(np.isfinite(side).any() for side in lengths):
            known |= _named("win_rate_at_equal_length", at_equal_length(won, lengths[0] - lengths[1], after.clusters))
    return known


def _lengths(comparison: Comparison, name: str, measure: MeasureKey, decoding: str, ids: tuple[str, ...]) -> Floats:
    """(S, N): the tokens of each answer."""
    runs = [run for run, _ in comparison.records(name, decoding, measure).values()]
    return np.stack([comparison.tables_of(run)[measure.eval].take(ids).totals["num_tokens"] for run in runs])


def _named(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.ci_low, f"{name}_high": estimate.ci_high}


@dataclass(frozen=True)
class ChangeTable:
    """The headline measures as text for a page: a row a model x earlier model x decoding strategy."""

    columns: list[str]
    rows: list[dict[str, Any]]
    """Each with 'model', 'before', 'decoding' and 'cells', one a column: {'difference': ..., 'wins': ...}."""


def change_table(table: pd.DataFrame, headlines: Sequence[MeasureKey]) -> ChangeTable:
    """The judged headlines of `changes` over all samples."""
    judged = [measure for measure in headlines if measure.is_judged]
    whole = table[table["slice"] == "all"]
    records = whole.astype(object).where(whole.notna(), None).to_dict("records")
    by_place = {(row["model"], row["before"], row["eval"], row["metric"], row["decoding"]): row for row in records}
    rows = []
    for model, before in dict.fromkeys((row["model"], row["before"]) for row in records):
        own = [row for row in records if (row["model"], row["before"]) == (model, before)]
        decodings = [d for d in dict.fromkeys(row["decoding"] for row in own) if d != ANY_DECODING] or [ANY_DECODING]
        for place, decoding in enumerate(decodings):
            cells = []
            for measure in judged:
                key = (model, before, measure.eval, measure.metric)
                cells.append(
                    _cell(by_place.get((*key, decoding)) or (None if place else by_place.get((*key, ANY_DECODING))))
                )
            name = "" if decoding == ANY_DECODING else decoding
            rows.append({"model": model, "before": before, "decoding": name, "cells": cells})
    return ChangeTable([heading(measure.metric, measure.unit) for measure in judged], rows)


def _cell(row: Mapping[Any, Any] | None) -> dict[str, str]:
    if row is None or row["difference"] is None:
        return {"difference": "–", "wins": ""}
    text, *ends = (_short(row[name], row["unit"]) for name in ("difference", "ci_low", "ci_high"))
    plus = "+" if row["difference"] > 0 and text.strip("0.") else ""
    wins = f"wins {number(row['win_rate'], 'share')} %" if row["win_rate"] is not None else ""
    if row["win_rate_at_equal_length"] is not None:
        wins += f", {number(row['win_rate_at_equal_length'], 'share')} % at equal length"
    around = f" [{', '.join(ends)}]" if row["ci_low"] is not None else ""
    return {"difference": f"{plus}{text}{around}", "wins": wins}


def _short(value: float | None, unit: str) -> str:
    """As in other tables; of other units than shares and bits three digits."""
    return number(value, unit) if unit == "share" or unit.startswith("bits") else quantity(value)
