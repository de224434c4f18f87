"""Scored samples as rows of a table, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.evaluation.metric import Formula
from harness.evaluation.requests import Sample, Score
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean, ratio_of_totals
from harness.text.utf8 import replace_surrogates

if TYPE_CHECKING:
    import pandas as pd

TOTALS = ("nats", "num_tokens", "num_bytes")
"""The totals that every sample has in a column, beside its `values`."""


def table(name: str, samples: Sequence[Sample], scores: Sequence[Score]) -> pd.DataFrame:
    """One row a sample, in the columns of samples.parquet (run_id is added by the run)."""
    import pandas as pd  # only where it is needed: settings are checked without pandas

    return pd.DataFrame(
        {
            "eval": pd.Series([name] * len(samples), dtype="str"),
            "sample_id": pd.Series([sample.id for sample in samples], dtype="str"),
            "cluster": pd.Series([sample.cluster or sample.id for sample in samples], dtype="str"),
            "prompt": pd.Series([replace_surrogates(sample.prompt) for sample in samples], dtype="str"),
            "target": pd.Series([replace_surrogates(sample.target) for sample in samples], dtype="str"),
            "answer": pd.Series([replace_surrogates(score.answer) for score in scores], dtype="str"),
            "values": pd.Series([json.dumps(dict(score.values)) for score in scores], dtype="str"),
            "finish_reason": pd.Series([score.finish_reason for score in scores], dtype="str"),
            "nats": pd.Series([score.nats for score in scores], dtype="float64"),
            "num_tokens": pd.Series([score.num_tokens for score in scores], dtype="Int64"),
            "num_bytes": pd.Series([score.num_bytes for score in scores], dtype="Int64"),
            "slices": pd.Series(
                [json.dumps(dict(sample.slices), ensure_ascii=False) for sample in samples], dtype="str"
            ),
            "parts": pd.Series([_parts_as_text(score) for score in scores], dtype="str"),
        }
    )


def _parts_as_text(score: Score) -> str:
    """{slice's name: {its value: {'values': ..., 'nats': ..., ...}}} as JSON."""
    parts = {
        name: {
            value: {"values": dict(part.values), **{total: getattr(part, total) for total in TOTALS}}
            for value, part in by_value.items()
        }
        for name, by_value in score.parts.items()
    }
    return json.dumps(parts, ensure_ascii=False)


@lru_cache(maxsize=65_536)
def parsed(cell: Any) -> Mapping[str, Any]:
    """A row's `values`, `slices` or `parts`; empty where the cell is empty."""
    return json.loads(cell) if isinstance(cell, str) else {}


def measures_of(rows: pd.DataFrame) -> list[str]:
    """The names of all measures that some row has, sorted."""
    return sorted({name for values in rows["values"] for name in parsed(values)})


def measured(rows: pd.DataFrame, measure: str) -> pd.Series[float]:
    """One measure of every row, NaN where it is missing."""
    import pandas as pd

    numbers = [number(parsed(values).get(measure)) for values in rows["values"]]
    return pd.Series(numbers, index=rows.index, dtype="float64")


def number(value: object) -> float:
    """A measure as a float; NaN where it isn't a number."""
    return float(value) if isinstance(value, int | float) else np.nan


def counted(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    """What a formula sums up: the measure of that name, or where no row has one, the column. NaN where missing."""
    import pandas as pd

    if name in TOTALS and not any(name in parsed(values) for values in rows["values"]):
        return pd.Series(rows[name].to_numpy(dtype=np.float64, na_value=np.nan), index=rows.index)
    return measured(rows, name)


def estimated(rows: pd.DataFrame, formula: Formula) -> Estimate:
    """What a formula gives for these rows, with its interval over their clusters."""
    tops, clusters, strata = counted(rows, formula.sum_of).to_numpy(), rows["cluster"].to_numpy(), strata_of(rows)
    if formula.per is None:
        return mean(formula.scale * tops, clusters, strata)
    return ratio_of_totals(tops, counted(rows, formula.per).to_numpy(), clusters, formula.scale, strata)


def strata_of(rows: pd.DataFrame) -> list[str]:
    """The source of every row: sources have fixed shares of a test, so they are the strata of its clusters. '' where a
    row has none."""
    return [str(parsed(cell).get("source", "")) for cell in rows["slices"]]


def slices_of(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """('all', every row), then ('name=value', its rows) for every slice, by name and value.

    Where only parts of samples belong to a slice, such as tokens at a position, its rows are those parts, with their
    values, nats, tokens and bytes.
    """
    members: dict[str, list[Any]] = {}
    for index, cell in zip(rows.index, rows["slices"], strict=True):
        for name, value in parsed(cell).items():
            members.setdefault(f"{name}={value}", []).append(index)
    slices = {name: rows.loc[indices] for name, indices in members.items()} | parts_of(rows)
    return [("all", rows), *((name, slices[name]) for name in sorted(slices))]


def parts_of(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By slice, 'name=value': the parts of samples that belong to it, as rows."""
    return {name: _as_rows(rows, parts) for name, parts in parts_by_slice(rows).items()}


def parts_by_slice(rows: pd.DataFrame) -> dict[str, dict[int, Mapping[str, Any]]]:
    """By slice, 'name=value', and by the row's place: the part of a sample that belongs to it, with its 'values' and
    totals."""
    parts: dict[str, dict[int, Mapping[str, Any]]] = {}
    for place, cell in enumerate(rows["parts"]):
        for name, by_value in parsed(cell).items():
            for value, part in by_value.items():
                parts.setdefault(f"{name}={value}", {})[place] = part
    return parts


def _as_rows(rows: pd.DataFrame, parts: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of these parts' samples, with the values and totals of the parts in place of the samples'."""
    import pandas as pd

    samples = rows.iloc[list(parts)]
    values = [json.dumps(part["values"]) for part in parts.values()]
    totals = {
        total: pd.Series([part[total] for part in parts.values()], index=samples.index, dtype=samples[total].dtype)
        for total in TOTALS
    }
    return samples.assign(values=values, parts="{}", **totals)
