"""A run's tables, read eval by eval and only when a number needs them.

The report reads everything and checks it; a page for many runs can't. What is read is the same, so numbers are too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet

from harness.common.results_folder import SAMPLES_FILE
from harness.evaluation.rows import parsed
from harness.report.results import Tables, damaged_by
from harness.report.samples import SampleTable, sample_tables

_NUMBERS = ["eval", "sample_id", "cluster", "values", "nats", "num_tokens", "num_bytes", "slices"]
_MOST_ROWS = 250_000


class TableCache:
    """The sample tables that were read last, up to a number of rows."""

    def __init__(self, most_rows: int = _MOST_ROWS) -> None:
        self._tables: OrderedDict[tuple[object, ...], SampleTable | None] = OrderedDict()
        self._num_rows, self._most_rows = 0, most_rows
        self._lock = threading.RLock()

    def get(self, key: tuple[object, ...], read: Callable[[], SampleTable | None]) -> SampleTable | None:
        """A table, read where it isn't held."""
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key]
            table = read()
            self._tables[key] = table
            self._num_rows += _size(table)
            while self._num_rows > self._most_rows and len(self._tables) > 1:
                self._num_rows -= _size(self._tables.popitem(last=False)[1])
            return table


def _size(table: SampleTable | None) -> int:
    return 1 if table is None else len(table.ids)


@dataclass(frozen=True)
class LazyTables(Tables):
    """The tables of a run's folder; `by_eval` reads an eval's numbers when it is asked for."""

    stamp: tuple[int, ...] = ()
    evals: tuple[str, ...] = ()
    """Those that the record has metrics of."""
    cache: TableCache = field(default_factory=TableCache)

    @property
    def by_eval(self) -> Mapping[str, SampleTable]:  # type: ignore[override]
        return _ByEval(self)


class _ByEval(Mapping[str, SampleTable]):
    def __init__(self, tables: LazyTables) -> None:
        self._tables = tables

    def __getitem__(self, name: str) -> SampleTable:
        tables = self._tables
        key = (tables.folder, tables.stamp, name)
        table = tables.cache.get(key, lambda: _read(tables, name))
        if table is None:
            raise KeyError(name)
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables.evals)

    def __len__(self) -> int:
        return len(self._tables.evals)


def _read(tables: LazyTables, name: str) -> SampleTable | None:
    """The numbers of an eval's samples; None where there are none."""
    rows = rows_of(tables.folder, name, _NUMBERS)
    if rows.empty:
        return None
    with damaged_by(tables.folder / SAMPLES_FILE):
        table = sample_tables(rows.assign(parts="{}")).get(name)
        parsed.cache_clear()  # it would hold every sample's values a second time
    return None if table is None else replace(table, parts=_Parts(tables, name))  # type: ignore[arg-type]


class _Parts(Mapping[str, SampleTable]):
    """The parts of an eval's samples by slice: read when a slice is asked for."""

    def __init__(self, tables: LazyTables, name: str) -> None:
        self._tables, self._name = tables, name

    def _all(self) -> Mapping[str, SampleTable]:
        key = (self._tables.folder, self._tables.stamp, self._name, "parts")
        whole = self._tables.cache.get(key, self._whole)
        return {} if whole is None else whole.parts

    def _whole(self) -> SampleTable | None:
        rows = rows_of(self._tables.folder, self._name, [*_NUMBERS, "parts"])
        with damaged_by(self._tables.folder / SAMPLES_FILE):
            table = sample_tables(rows).get(self._name)
            parsed.cache_clear()
        return table

    def __getitem__(self, part: str) -> SampleTable:
        return self._all()[part]

    def __contains__(self, part: object) -> bool:
        return part in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def rows_of(folder: Path, eval_name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """An eval's rows of samples.parquet; none where there is no such file. Damaged where it can't be read."""
    path = folder / SAMPLES_FILE
    if not path.exists():
        return pd.DataFrame(columns=columns or _NUMBERS)
    with damaged_by(path):
        rows: pd.DataFrame = pyarrow.parquet.read_table(
            path, columns=columns, filters=[("eval", "==", eval_name)], use_threads=False
        ).to_pandas()
    return rows.reindex(columns=columns) if columns else rows
