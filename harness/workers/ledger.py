"""What the workers of a sweep did: each appends one line of JSON for every event to a file of its own.

So no two processes write to one file, which network file systems don't allow. The truth about a run is its record; the
ledger says who works on what, how long runs took, and what failed and why.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.common.files import append_bytes

BEGAN, ENDED, LEFT = "began", "ended", "left"
COMPLETE, PARTIAL, FAILED, REFUSED = "complete", "partial", "failed", "refused"
STOPPED, KILLED, OUT_OF_MEMORY, LOST = "stopped", "killed", "out of memory", "taken over"
NOT_A_TRY = (STOPPED, LOST)
"""How a run ends that was not the run's own doing: it is done by whoever comes next."""
_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Event:
    """Something that a worker did, or that was seen of it."""

    kind: str
    """BEGAN or ENDED a run; LEFT the sweep."""
    worker: str
    round: str
    """The start of the command that the worker works for: a run is tried again in a new one."""
    at: float
    """Seconds since 1970, by the worker's clock."""
    number: int | None = None
    """The run's, in the sweep."""
    outcome: str = ""
    """ENDED: a run's status, REFUSED, STOPPED, KILLED, OUT_OF_MEMORY or LOST."""
    seconds: float = 0.0
    made_fit: bool = False
    """Whether the run made its fit, or found it."""
    message: str = ""
    """Why it failed, or why the worker left."""
    is_own_fault: bool = False
    """Whether a failure is the run's own, as of one that diverges, and says nothing of the machine."""


class Ledger:
    """All events of a sweep, read as they are written."""

    def __init__(self, folder: Path) -> None:
        """folder: of the workers' files; it may not exist yet."""
        self.folder = folder
        self.events: list[Event] = []
        self._read: dict[Path, int] = {}

    def write(self, event: Event) -> None:
        """Append an event of this process to its worker's file."""
        line = json.dumps(dataclasses.asdict(event), ensure_ascii=True)
        append_bytes(self.folder / f"{event.worker}{_SUFFIX}", f"{line}\n".encode())

    def news(self) -> list[Event]:
        """The events since the last call, in the order of their times; they are added to `events`."""
        new = sorted(self._new(), key=lambda event: event.at)
        self.events += new
        return new

    def _new(self) -> Iterator[Event]:
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                content = file.read()
            whole = content[: content.rfind(b"\n") + 1]  # a line may be half written
            self._read[path] = self._read.get(path, 0) + len(whole)
            for line in whole.splitlines():
                try:
                    yield Event(**json.loads(line))
                except (ValueError, TypeError):
                    continue  # of a process that died while it wrote, or of another version


def now() -> float:
    """The time of an event."""
    return time.time()
