"""The rows of two runs' samples side by side, and of one sample in every run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet

from harness.common.results_folder import SAMPLES_FILE
from harness.dashboard.lazy_tables import rows_of
from harness.dashboard.site import Site
from harness.evaluation.rows import number, parsed
from harness.report.results import damaged_by
from harness.runs.index import Entry

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_MOST_TABLES = 6
_COLUMNS = [
    "eval",
    "sample_id",
    "cluster",
    "prompt",
    "target",
    "answer",
    "values",
    "finish_reason",
    "nats",
    "num_tokens",
    "num_bytes",
    "slices",
]
_tables: OrderedDict[tuple[object, ...], pd.DataFrame] = OrderedDict()
_lock = threading.Lock()


def sample_rows(site: Site, entry: Entry, eval_name: str) -> pd.DataFrame:
    """An eval's samples in a run, by sample id. Damaged where the file can't be read."""
    key = (str(site.index.results), entry.id, entry.stamp, eval_name)
    with _lock:
        if key in _tables:
            _tables.move_to_end(key)
            return _tables[key]
    rows = rows_of(site.index.folder(entry), eval_name, _COLUMNS).drop_duplicates("sample_id").set_index("sample_id")
    with _lock:
        _tables[key] = rows
        while len(_tables) > _MOST_TABLES:
            _tables.popitem(last=False)
    return rows


def one_sample(site: Site, entry: Entry, eval_name: str, sample_id: str) -> dict[str, Any] | None:
    """One sample in a run; None where the run doesn't have it."""
    path = site.index.folder(entry) / SAMPLES_FILE
    if not path.exists():
        return None
    with damaged_by(path):
        wanted = [("eval", "==", eval_name), ("sample_id", "==", sample_id)]
        rows = pyarrow.parquet.read_table(path, columns=_COLUMNS, filters=wanted, use_threads=False).to_pylist()
    return rows[0] if rows else None


def values_of(rows: pd.DataFrame, metric: str) -> NDArray[np.float64]:
    """A measure of every sample; NaN where it is missing."""
    values = np.array([number(parsed(cell).get(metric)) for cell in rows["values"]], dtype=np.float64)
    parsed.cache_clear()
    return values


def measures_in(rows: pd.DataFrame) -> list[str]:
    """The measures that some sample has, as far as they are numbers."""
    names: dict[str, None] = {}
    for cell in rows["values"].head(200):
        names |= dict.fromkeys(name for name, value in parsed(cell).items() if isinstance(value, int | float))
    return list(names)


def slices_in(rows: pd.DataFrame) -> list[str]:
    """The slices, 'name=value', that samples belong to."""
    slices = {f"{name}={value}" for cell in rows["slices"] for name, value in parsed(cell).items()}
    return sorted(slices)


@dataclass(frozen=True)
class Pair:
    """Two runs' samples of an eval, those that both have."""

    ids: tuple[str, ...]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    first: pd.DataFrame
    second: pd.DataFrame

    @property
    def is_yes_or_no(self) -> bool:
        """Whether every value is 0 or 1."""
        known = np.concatenate([self.a, self.b])
        known = known[~np.isnan(known)]
        return bool(len(known)) and bool(np.isin(known, (0.0, 1.0)).all())

    def chosen(self, kind: str) -> NDArray[np.bool_]:
        """'both', 'a' (A only), 'b' (B only), 'none' right; others: all."""
        a, b = self.a == 1, self.b == 1
        known = ~np.isnan(self.a) & ~np.isnan(self.b)
        by_kind: dict[str, NDArray[np.bool_]] = {
            "both": a & b,
            "a": a & ~b & known,
            "b": b & ~a & known,
            "none": ~a & ~b & known,
        }
        return by_kind.get(kind, np.ones(len(self.ids), dtype=bool))

    def within(self, ends: Sequence[tuple[float | None, float | None]]) -> NDArray[np.bool_]:
        """Those inside a rectangle: the ends of A's values and of B's."""
        inside = np.ones(len(self.ids), dtype=bool)
        for values, (low, high) in zip((self.a, self.b), ends, strict=True):
            if low is not None:
                inside &= values >= low
            if high is not None:
                inside &= values <= high
        return inside


def pair(first: pd.DataFrame, second: pd.DataFrame, metric: str, part: str) -> Pair:
    """The samples that both runs have, of a slice 'name=value' or all."""
    common = first.index.intersection(second.index, sort=False)
    rows_a, rows_b = first.loc[common], second.loc[common]
    if part:
        name, _, value = part.partition("=")
        inside = np.array([str(parsed(cell).get(name, "")) == value for cell in rows_a["slices"]], dtype=bool)
        rows_a, rows_b = rows_a[inside], rows_b[inside]
    return Pair(tuple(map(str, rows_a.index)), values_of(rows_a, metric), values_of(rows_b, metric), rows_a, rows_b)
