"""Works on a sweep on this machine: in this process where one worker is enough, else with workers that it starts.

A worker that dies (killed, out of memory, os._exit) is noted with the run that it did, and another one takes its place.
Where this process dies, its workers stop. Everything that is finished stays, and the same command does the rest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError
from harness.workers import ledger
from harness.workers.display import Display
from harness.workers.ledger import Event, Ledger
from harness.workers.local_workers import LocalWorker, LocalWorkers
from harness.workers.planned import PlannedSweep, Round
from harness.workers.progress import Progress
from harness.workers.settings import SweepSettings

_SECONDS_BETWEEN_LOOKS = 0.1
_MEMORY_EVENTS = Path("/sys/fs/cgroup/memory.events")


@dataclass
class _Worker:
    """A worker that was started here, and what it is known to do."""

    local: LocalWorker
    has_left: bool = False
    doing: Event | None = None


class Driver:
    """Starts workers on this machine, and watches them until nothing is left to do."""

    def __init__(self, sweep: PlannedSweep, start: Round, settings: SweepSettings, num_workers: int) -> None:
        self._sweep, self._round, self._settings = sweep, start, settings
        self._local = LocalWorkers(num_workers)
        self.progress = Progress([run for run in sweep.runs if run.number in start.missing], start.name)
        self._ledger = Ledger(sweep.workers)
        self._ledger.news()  # of earlier rounds
        self._own_name = f"driver-{socket.gethostname()}-{os.getpid()}"
        self._workers: dict[str, _Worker] = {}
        self._num_killed_for_memory = _num_killed_for_memory()
        self.why_stopped: list[str] = []
        """Why workers stopped before nothing was left."""

    def drive(self, display: Display) -> None:
        """Work until nothing is left, or no worker can go on."""
        try:
            for _ in range(self._local.most):
                self._start()
            while self._local.are_running:
                self._hear(display)
                for ended in self._local.pop_ended():
                    self._hear(display)
                    has_died = self._has_died(self._workers.pop(ended.name), display)
                    if has_died and self.progress.num_left > len(self._workers):
                        self._start()
                display.show(self.progress, {name: worker.local.log for name, worker in self._workers.items()})
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        finally:
            self._local.stop()
            with contextlib.suppress(OSError):
                self._hear(display)

    def _start(self) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{self._local.num_started}-{self._round.name}"
        plugins = [word for file in self._sweep.plugins for word in ("--plugin", file)]
        words = ["work", str(self._sweep.folder), "--name", name, "--round", self._round.name]
        local = self._local.start(name, [*words, *plugins, *self._settings.flags], self._sweep.workers)
        self._workers[name] = _Worker(local)

    def _hear(self, display: Display) -> None:
        """Take in what the workers did."""
        for event in self._ledger.news():
            self.progress.add(event)
            if (worker := self._workers.get(event.worker)) is not None:
                worker.doing = event if event.kind == ledger.BEGAN else None
                worker.has_left = event.kind == ledger.LEFT
                if event.kind == ledger.LEFT and event.message:
                    self.why_stopped.append(event.message)
            if event.round == self._round.name:
                display.tell(event, self.progress)

    def _has_died(self, worker: _Worker, display: Display) -> bool:
        """Whether a worker ended without leaving; the run that it did is noted. UserError where it did not even
        begin."""
        if worker.has_left:
            return False
        if worker.doing is None:
            message = f"a worker ended before it began: its process {worker.local.ended}"
            if self._local.num_started <= self._local.most:
                raise UserError(message)
            self.why_stopped.append(message)
            return False
        killed_before, self._num_killed_for_memory = self._num_killed_for_memory, _num_killed_for_memory()
        is_memory = worker.local.popen.returncode == -signal.SIGKILL and self._num_killed_for_memory > killed_before
        number = worker.doing.number
        if number not in self.progress.running:
            return True  # another worker has noticed
        event = Event(
            ledger.ENDED,
            self._own_name,
            self._round.name,
            ledger.now(),
            number,
            ledger.OUT_OF_MEMORY if is_memory else ledger.KILLED,
            ledger.now() - worker.doing.at,
            message="the system ended its process, because memory was short. Take fewer workers (sweep.workers=1), a "
            "smaller model or smaller batches"
            if is_memory
            else f"its process {worker.local.ended}",
        )
        self._ledger.write(event)
        self._hear(display)
        return True


def _num_killed_for_memory() -> int:
    """How many processes of this control group the system has ended because memory was short; 0 where it doesn't
    say."""
    with contextlib.suppress(OSError, ValueError):
        for line in _MEMORY_EVENTS.read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
