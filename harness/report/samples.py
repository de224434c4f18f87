"""The samples of one eval in one run, as arrays that can be lined up with those of another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.evaluation.metric import Formula
from harness.evaluation.rows import TOTALS, number, parsed, parts_by_slice

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleTable:
    """N samples of one eval. Missing numbers are NaN."""

    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    totals: dict[str, Floats]
    """'nats', 'num_tokens' and 'num_bytes'."""
    values: dict[str, Floats]
    """By measure."""
    slices: dict[str, NDArray[np.object_]]
    """By the slice's name, the value of each sample as text ('' where it has none)."""
    asked: dict[str, NDArray[np.bool_]]
    """By measure: whether it is one of each sample at all, measured or missing. An eval may ask different things."""
    parts: dict[str, SampleTable] = field(default_factory=dict)
    """By slice, 'name=value': the parts of samples that belong to it."""

    @property
    def strata(self) -> tuple[str, ...]:
        """The source of each sample; '' where it has none."""
        return tuple(self.slices["source"]) if "source" in self.slices else ("",) * len(self.ids)

    @property
    def index(self) -> dict[str, int]:
        """Where each sample lies."""
        return {sample_id: place for place, sample_id in enumerate(self.ids)}

    def take(self, ids: tuple[str, ...]) -> SampleTable:
        """These samples, in this order; all must be there."""
        if ids == self.ids:
            return self
        index = self.index
        return self._at(np.array([index[sample_id] for sample_id in ids], dtype=np.int64))

    def part(self, name: str) -> SampleTable | None:
        """The samples, or parts of samples, of a slice: 'all', or 'name=value'. None where there are none."""
        if name == "all":
            return self
        if name in self.parts:
            return self.parts[name]
        key, _, value = name.partition("=")
        chosen = np.flatnonzero(self.slices[key] == value) if key in self.slices else np.empty(0, np.int64)
        return self._at(chosen) if len(chosen) else None

    def asked_for(self, measure: str) -> SampleTable:
        """Those samples of which the measure is one, where any are."""
        asked = self.asked.get(measure)
        return self if asked is None or asked.all() or not asked.any() else self._at(np.flatnonzero(asked))

    def _at(self, places: NDArray[np.int64]) -> SampleTable:
        return replace(
            self,
            ids=tuple(self.ids[place] for place in places),
            clusters=tuple(self.clusters[place] for place in places),
            totals={name: column[places] for name, column in self.totals.items()},
            values={name: column[places] for name, column in self.values.items()},
            slices={name: column[places] for name, column in self.slices.items()},
            asked={name: column[places] for name, column in self.asked.items()},
            parts={},
        )

    def summands(self, formula: Formula) -> tuple[Floats, Floats]:
        """(N,) each: what the formula sums up, and what it divides that by."""
        tops = self._counted(formula.sum_of)
        return tops, np.ones(len(tops)) if formula.per is None else self._counted(formula.per)

    def _counted(self, name: str) -> Floats:
        """A measure, or where none has that name, a total; NaN throughout where there is neither."""
        column = self.values.get(name, self.totals.get(name))
        return np.full(len(self.ids), np.nan) if column is None else column


def sample_tables(samples: pd.DataFrame) -> dict[str, SampleTable]:
    """A run's samples by eval. An eval whose sample ids repeat is left out: its samples can't be paired."""
    tables = {}
    for name, rows in samples.groupby("eval", sort=True):
        if rows["sample_id"].is_unique:
            table = _table(rows)
            parts = {part: _part(table, of_samples) for part, of_samples in parts_by_slice(rows).items()}
            tables[str(name)] = replace(table, parts=parts)
    return tables


def _table(rows: pd.DataFrame) -> SampleTable:
    clusters = rows["cluster"].where(rows["cluster"].notna(), rows["sample_id"]).astype(str)
    slices = [parsed(cell) for cell in rows["slices"]]
    names = {key: None for row in slices for key in row}
    values, asked = _measures([parsed(cell) for cell in rows["values"]])
    return SampleTable(
        tuple(rows["sample_id"].astype(str)),
        tuple(clusters),
        {total: rows[total].to_numpy(dtype=np.float64, na_value=np.nan) for total in TOTALS},
        values,
        {key: np.array([str(row.get(key, "")) for row in slices], dtype=object) for key in names},
        asked,
    )


def _part(table: SampleTable, parts: Mapping[int, Mapping[str, Any]]) -> SampleTable:
    """The parts of some samples, by the samples' places."""
    values, asked = _measures([part["values"] for part in parts.values()])
    totals = {total: np.array([number(part[total]) for part in parts.values()]) for total in TOTALS}
    return replace(table._at(np.array(list(parts), dtype=np.int64)), totals=totals, values=values, asked=asked)


def _measures(values: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Floats], dict[str, NDArray[np.bool_]]]:
    """By measure: (N,) its values, and of which of N samples it is one."""
    measures = {key: None for row in values for key in row}
    return (
        {key: np.array([number(row.get(key)) for row in values]) for key in measures},
        {key: np.array([key in row for row in values], dtype=bool) for key in measures},
    )
