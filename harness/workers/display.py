"""Shows how a sweep gets on: a table that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.common.durations import duration
from harness.common.visible import visible
from harness.workers import ledger
from harness.workers.ledger import Event
from harness.workers.local_workers import last_lines
from harness.workers.progress import Progress

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

log = logging.getLogger("bakeoff")

_SECONDS_BETWEEN_LINES = 60.0
_SECONDS_BETWEEN_FRAMES = 0.5


class Display:
    """What the driver of a sweep shows, as a context manager."""

    def __init__(self, num_workers: int) -> None:
        self._num_workers = num_workers
        self._live: Live | None = None
        self._last_shown = time.monotonic()

    def __enter__(self) -> Display:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, event: Event, progress: Progress) -> None:
        """Say what happened."""
        run = progress.runs.get(event.number or 0)
        if event.kind != ledger.ENDED or run is None:
            return
        done = f"{len(progress.ended)} of {len(progress.runs)}"
        left = progress.time_left(self._num_workers)
        text = f"{done}: {run.run_id} is {event.outcome} ({duration(event.seconds)}){left}"
        if event.outcome == ledger.COMPLETE:
            log.info("%s", text)
        else:
            log.warning("%s%s", text, f": {event.message}" if event.message else "")

    def show(self, progress: Progress, logs: Mapping[str, Path]) -> None:
        """Show what runs now. logs: what each worker prints, by its name."""
        since = time.monotonic() - self._last_shown
        if self._live is not None:
            if since > _SECONDS_BETWEEN_FRAMES:
                self._last_shown = time.monotonic()
                self._live.update(self._table(progress, logs), refresh=True)
        elif since > _SECONDS_BETWEEN_LINES:
            self._last_shown = time.monotonic()
            log.info("%s%s", progress.counts(), progress.time_left(self._num_workers))

    def _table(self, progress: Progress, logs: Mapping[str, Path]) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        table.add_row(Text(f"{progress.counts()}{progress.time_left(self._num_workers)}", "bold"))
        for number, event in progress.running.items():
            said = last_lines(logs[event.worker], 1) if event.worker in logs else []
            run = progress.runs[number].run_id
            text = f"{run}  {duration(time.time() - event.at)}  {' '.join(said)}"
            table.add_row(Text(visible(text), overflow="ellipsis", no_wrap=True))
        return table
