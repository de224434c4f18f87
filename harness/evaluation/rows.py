"""Scored samples as rows of a table, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from harness.evaluation.requests import Sample, Score


def table(name: str, samples: Sequence[Sample], scores: Sequence[Score]) -> pd.DataFrame:
    """One row a sample, in the columns of samples.parquet (run_id is added by the run)."""
    return pd.DataFrame(
        {
            "eval": pd.Series([name] * len(samples), dtype="str"),
            "sample_id": pd.Series([sample.id for sample in samples], dtype="str"),
            "cluster": pd.Series([sample.cluster or sample.id for sample in samples], dtype="str"),
            "prompt": pd.Series([_storable(sample.prompt) for sample in samples], dtype="str"),
            "target": pd.Series([_storable(sample.target) for sample in samples], dtype="str"),
            "answer": pd.Series([_storable(score.answer) for score in scores], dtype="str"),
            "values": pd.Series([json.dumps(dict(score.values)) for score in scores], dtype="str"),
            "finish_reason": pd.Series([score.finish_reason for score in scores], dtype="str"),
            "nats": pd.Series([score.nats for score in scores], dtype="float64"),
            "num_tokens": pd.Series([score.num_tokens for score in scores], dtype="Int64"),
            "num_bytes": pd.Series([score.num_bytes for score in scores], dtype="Int64"),
            "slices": pd.Series(
                [json.dumps(dict(sample.slices), ensure_ascii=False) for sample in samples], dtype="str"
            ),
        }
    )


def measures_of(rows: pd.DataFrame) -> list[str]:
    """The names of all measures that some row has, sorted."""
    return sorted({name for values in rows["values"] for name in _parsed(values)})


def measured(rows: pd.DataFrame, measure: str) -> pd.Series[float]:
    """One measure of every row, NaN where it is missing."""
    found = [_parsed(values).get(measure) for values in rows["values"]]
    return pd.Series(
        [math.nan if value is None else float(value) for value in found], index=rows.index, dtype="float64"
    )


def slices_of(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """('all', every row), then ('name=value', its rows) for every slice, by name and value."""
    found: dict[str, list[Any]] = {}
    for index, text in zip(rows.index, rows["slices"], strict=True):
        for key, value in json.loads(text).items():
            found.setdefault(f"{key}={value}", []).append(index)
    return [("all", rows), *((name, rows.loc[found[name]]) for name in sorted(found))]


@lru_cache(maxsize=65_536)
def _parsed(values: str) -> Mapping[str, float | None]:
    """A row's measures."""
    found: Mapping[str, float | None] = json.loads(values)
    return found


def _storable(text: str) -> str:
    """Text as UTF-8 can hold it: a lone surrogate becomes a replacement character."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
