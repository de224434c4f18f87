"""The numbers behind the views: of one experiment, or of several together, as a report over them has them."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.common.results_folder import report_of
from harness.dashboard.kept import Kept, content_key
from harness.runs.index import Entry, Index

if TYPE_CHECKING:
    import pandas as pd

    from harness.dashboard.board import Board
    from harness.dashboard.lazy_tables import TableCache
    from harness.report.comparison import Comparison

log = logging.getLogger("bakeoff")

_MOST_COMPARISONS = 2
BOARD, PAIRS, CHANGES = "board", "pairs", "changes"


@dataclass(frozen=True)
class Scope:
    """Experiments, with their runs as they are now."""

    experiments: tuple[str, ...]
    entries: tuple[Entry, ...]
    key: str
    """A hash of their content."""

    @property
    def title(self) -> str:
        return ", ".join(self.experiments)

    @property
    def is_whole(self) -> bool:
        """Whether runs of several experiments stand together."""
        return len(self.experiments) > 1


class Numbers:
    """Boards, tests and comparisons by scope: computed once for each content, beside the requests."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.kept = Kept(index.results)
        self._boards: OrderedDict[str, Board] = OrderedDict()
        self._comparisons: OrderedDict[str, tuple[Comparison, tuple[tuple[str, str], ...]]] = OrderedDict()
        self._unreadable: dict[tuple[str, tuple[int, ...]], str] = {}
        self._futures: dict[str, Future[Board]] = {}
        self._workers: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(1, "numbers")
        self._cache: TableCache | None = None

    def scope(self, experiments: Sequence[str]) -> Scope:
        """The runs of these experiments."""
        wanted = set(experiments)
        entries = tuple(entry for entry in self.index.entries() if entry.experiment in wanted)
        parts = sorted((entry.id, entry.stamp) for entry in entries if entry.has_record)
        return Scope(tuple(dict.fromkeys(experiments)), entries, content_key(parts))

    def board(self, scope: Scope, wait: float = 1.0) -> Board | None:
        """The scope's numbers; None where they take longer than `wait` seconds: ask again. UserError where no run can
        be read."""
        with self._lock:
            board = self._boards.get(scope.key) or self._kept_board(scope)
            if board is not None:
                return board
            future = self._futures.get(scope.key)
            if future is None:
                future = self._futures[scope.key] = self._pool.submit(self._compute_board, scope)
        try:
            return future.result(wait)
        except TimeoutError:
            return None
        finally:
            if future.done():
                self._futures.pop(scope.key, None)

    def _kept_board(self, scope: Scope) -> Board | None:
        plain = self.kept.get(BOARD, scope.key)
        if plain is None:
            return None
        from harness.dashboard.board import Board

        try:
            return self._hold(scope, Board.from_plain(plain))
        except (KeyError, TypeError, ValueError, IndexError):
            return None

    def _hold(self, scope: Scope, board: Board) -> Board:
        self._boards[scope.key] = board
        while len(self._boards) > _MOST_COMPARISONS * 2:
            self._boards.popitem(last=False)
        return board

    def _compute_board(self, scope: Scope) -> Board:
        from harness.dashboard.board import Board

        while True:
            comparison, left_out = self.comparison(scope)
            try:
                board = Board.of(comparison, left_out)
            except UserError as error:
                self.leave_out(scope, error)
                continue
            with self._lock:
                self.kept.put(BOARD, scope.key, board.plain())
                return self._hold(scope, board)

    def comparison(self, scope: Scope) -> tuple[Comparison, tuple[tuple[str, str], ...]]:
        """The scope's runs put together, with those that can't be read and why. UserError where none can."""
        with self._lock:
            if scope.key in self._comparisons:
                self._comparisons.move_to_end(scope.key)
                return self._comparisons[scope.key]
            self._comparisons[scope.key] = self._make_comparison(scope)
            while len(self._comparisons) > _MOST_COMPARISONS:
                self._comparisons.popitem(last=False)
            return self._comparisons[scope.key]

    def _make_comparison(self, scope: Scope) -> tuple[Comparison, tuple[tuple[str, str], ...]]:
        from harness.dashboard.lazy_tables import LazyTables, TableCache
        from harness.report.comparison import Comparison
        from harness.report.results import Results, put_together
        from harness.runs.record import RunRecord

        self._cache = self._cache or TableCache()
        records, left_out = [], []
        for entry in scope.entries:
            folder = self.index.folder(entry)
            if entry.status == "unreadable":
                left_out.append((entry.id, entry.why))
            if not entry.has_record:
                continue
            why = self._unreadable.get((entry.id, entry.stamp))
            try:
                record = RunRecord.read(folder) if why is None else None
            except (UserError, OSError) as error:  # removed or replaced since it was indexed
                record, why = None, str(error)
            if record is None:
                left_out.append((entry.id, str(why)))
            else:
                evals = tuple(dict.fromkeys(metric.eval for metric in record.metrics))
                records.append((LazyTables(folder, entry.stamp, evals, self._cache), record))
        if not records:
            names = scope.title or "the results folder"
            raise UserError(f"{names}: no run can be read." + (f" {left_out[0][1]}" if left_out else ""))
        runs, replaced = put_together(records, scope.is_whole)
        results = Results(report_of(self.index.results), runs, (), tuple(replaced))
        return Comparison(results), tuple(left_out)

    def leave_out(self, scope: Scope, error: UserError) -> None:
        """Go on without the run whose file is damaged, as a report does. Raises an error that is of no run's."""
        path: Path | None = getattr(error, "path", None)
        for entry in scope.entries:
            if path is not None and self.index.folder(entry) in path.parents:
                with self._lock:
                    self._unreadable[entry.id, entry.stamp] = str(error)
                    self._comparisons.pop(scope.key, None)
                return
        raise error

    def pairs(self, scope: Scope, wait: float = 1.0) -> pd.DataFrame | None:
        """Every two models compared, as the report's pairwise.csv; None where it is still being computed, by a process
        of its own: it takes seconds or minutes, and memory that the server should not keep."""
        return self._computed(PAIRS, scope, wait)

    def changes(self, scope: Scope, wait: float = 1.0) -> pd.DataFrame | None:
        """What post-training changed, as the report's changes.csv, by the same process."""
        return self._computed(CHANGES, scope, wait)

    def _computed(self, what: str, scope: Scope, wait: float) -> pd.DataFrame | None:
        until = time.monotonic() + wait
        while (rows := self.kept.get(what, scope.key)) is None:
            self._compute_pairs(scope)
            if time.monotonic() > until:
                return None
            time.sleep(0.05)
        return frame_of(rows)

    def _compute_pairs(self, scope: Scope) -> None:
        with self._lock:
            worker, _ = self._workers.get(scope.key, (None, 0.0))
            if worker is not None and worker.poll() is None:
                return
            if worker is not None and worker.returncode != 0:
                raise UserError(
                    f"the tests of {scope.title} could not be computed (a process ended with status "
                    f"{worker.returncode}; its message is in the terminal). `bakeoff report` computes them too."
                )
            words = [sys.executable, "-m", "harness.dashboard.pairs_process", str(self.index.results), scope.key]
            self._workers[scope.key] = (subprocess.Popen([*words, *scope.experiments]), time.monotonic())

    def seconds_so_far(self, scope: Scope) -> float:
        """How long the tests of a scope have been computed by now."""
        _, began = self._workers.get(scope.key, (None, time.monotonic()))
        return time.monotonic() - began

    def close(self) -> None:
        """End what is being computed."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker, _ in self._workers.values():
            if worker.poll() is None:
                worker.terminate()


def rows_of_frame(frame: pd.DataFrame) -> dict[str, Any]:
    """A table of pairs as JSON: columns, and rows without NaN."""
    known = frame.astype(object).where(frame.notna(), None)
    return {"columns": list(known.columns), "rows": known.to_numpy().tolist()}


def frame_of(rows: dict[str, Any]) -> pd.DataFrame:
    """The table that `rows_of_frame` wrote."""
    import pandas as pd

    return pd.DataFrame(rows["rows"], columns=rows["columns"])
