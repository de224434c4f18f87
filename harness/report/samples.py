"""The samples of one eval in one run, as arrays that can be lined up with those of another run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.scoring.answers import BITS_PER_NAT

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleTable:
    """N samples of one eval. Missing numbers are NaN."""

    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    nats: Floats
    num_bytes: Floats
    values: dict[str, Floats]
    """By measure."""
    slices: dict[str, NDArray[np.object_]]
    """By the slice's name, the value of each sample as text ('' where it has none)."""
    asked: dict[str, NDArray[np.bool_]]
    """By measure: whether it is one of each sample at all, measured or missing. An eval may ask different things."""

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
        """The samples of a slice: 'all', or 'name=value'. None where no sample says that it belongs to it.

        Of a slice to which parts of samples belong, as tokens at a position, those parts: nats and bytes are theirs.
        """
        if name == "all":
            return self
        if f"nats@{name}" in self.values:
            nats, num_bytes = (self.values[f"{total}@{name}"] for total in ("nats", "bytes"))
            places = np.flatnonzero(~np.isnan(nats))
            return replace(self._at(places), nats=nats[places], num_bytes=num_bytes[places])
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
            nats=self.nats[places],
            num_bytes=self.num_bytes[places],
            values={name: column[places] for name, column in self.values.items()},
            slices={name: column[places] for name, column in self.slices.items()},
            asked={name: column[places] for name, column in self.asked.items()},
        )

    def summands(self, metric: str, unit: str) -> list[tuple[Floats, Floats, float]]:
        """Ways in which the metric may follow from these samples, as (tops, bottoms, scale): scale * sum / sum.

        A mean of the measure of that name; or (first for bits per byte) the total of bits over the total of bytes.
        Which of them a metric is, its recorded value tells: the caller compares.
        """
        ways = []
        if metric in self.values:
            tops = self.values[metric]
            ways.append((tops, np.where(np.isnan(tops), np.nan, 1.0), 1.0))
        if not np.isnan(self.nats).all():
            totals = (self.nats, self.num_bytes, BITS_PER_NAT)
            ways.insert(0 if unit == "bits/byte" else len(ways), totals)
        return ways


def sample_tables(samples: pd.DataFrame) -> dict[str, SampleTable]:
    """A run's samples by eval. An eval whose sample ids repeat is left out: its samples can't be paired."""
    tables = {}
    for name, rows in samples.groupby("eval", sort=True):
        ids = tuple(rows["sample_id"].astype(str))
        if len(set(ids)) != len(ids):
            continue
        clusters = rows["cluster"].where(rows["cluster"].notna(), rows["sample_id"]).astype(str)
        values = [_parse(text) for text in rows["values"]]
        slices = [_parse(text) for text in rows["slices"]]
        tables[str(name)] = SampleTable(
            ids,
            tuple(clusters),
            rows["nats"].to_numpy(dtype=np.float64, na_value=np.nan),
            rows["num_bytes"].to_numpy(dtype=np.float64, na_value=np.nan),
            {key: np.array([_number(row.get(key)) for row in values]) for key in _keys(values)},
            {key: np.array([str(row.get(key, "")) for row in slices], dtype=object) for key in _keys(slices)},
            {key: np.array([key in row for row in values], dtype=bool) for key in _keys(values)},
        )
    return tables


@lru_cache(maxsize=65_536)
def _parse(text: Any) -> dict[str, Any]:
    """A dict from JSON text; empty where there is none, or something else."""
    if not isinstance(text, str):
        return {}
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _keys(rows: list[dict[str, Any]]) -> list[str]:
    return sorted({key for row in rows for key in row})


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan
