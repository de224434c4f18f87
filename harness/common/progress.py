"""Shows the progress of long work: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from harness.common.visible import visible

log = logging.getLogger("bakeoff")

_SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Work of `total` units, as a context manager. Progress goes to standard error."""

    def __init__(self, title: str, total: float, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done = 0.0
        self._bar: Bar | None = None
        self._last_line_at = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            self._bar = Bar(
                TextColumn("{task.description}", justify="left", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[status]}", markup=False),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(visible(self.title), total=self.total, status="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, units: float, status: str = "") -> None:
        """Add finished units."""
        self.advance_to(self.done + units, status)

    def advance_to(self, done: float, status: str = "") -> None:
        """Set the number of finished units."""
        self.done = done
        if self._bar is not None:
            self._bar.update(self._task, completed=done, status=visible(status))
        elif time.monotonic() - self._last_line_at > _SECONDS_BETWEEN_LINES:
            self._last_line_at = time.monotonic()
            amount = f"{done:,.0f} of {self.total:,.0f} {self.unit}" if self.unit != "%" else f"{done:.0f} %"
            log.info("  %s: %s%s", self.title, amount, f", {status}" if status else "")
