"""Works on a sweep on this machine: in this process where one worker is enough, else with workers that it starts.

A worker that dies (killed, out of memory, os._exit) is noted with the run that it did, and another one takes its place.
Where this process dies, its workers stop. Everything that is finished stays, and the same command does the rest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError
from harness.workers import ledger
from harness.workers.display import Display, last_lines
from harness.workers.ledger import Event, Ledger
from harness.workers.planned import PlannedSweep, Round
from harness.workers.progress import Progress
from harness.workers.settings import SweepSettings

_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_TO_STOP = 0.7
_MEMORY_EVENTS = Path("/sys/fs/cgroup/memory.events")
_LAST_LINES = 3


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def graphics_cards() -> list[str]:
    """The NVIDIA cards that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [card for card in visible.split(",") if card not in ("", "-1")]
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def num_workers(settings: SweepSettings, num_runs: int) -> int:
    """How many workers a sweep gets on this machine."""
    return min(settings.workers or len(graphics_cards()) or num_cores(), num_runs)


@dataclass
class _Process:
    """A worker that was started here."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    has_left: bool = False
    doing: Event | None = None


class Driver:
    """Starts workers on this machine, and watches them until nothing is left to do."""

    def __init__(self, sweep: PlannedSweep, start: Round, settings: SweepSettings, num_workers: int) -> None:
        self._sweep, self._round, self._settings, self._num_workers = sweep, start, settings, num_workers
        self.progress = Progress([run for run in sweep.runs if run.number in start.missing], start.name)
        self._ledger = Ledger(sweep.workers)
        self._ledger.news()  # of earlier rounds
        self._own_name = f"driver-{socket.gethostname()}-{os.getpid()}"
        self._processes: list[_Process] = []
        self._num_started = 0
        self._num_killed_for_memory = _num_killed_for_memory()
        self.why_stopped: list[str] = []
        """Why workers stopped before nothing was left."""

    def drive(self, display: Display) -> None:
        """Work until nothing is left, or no worker can go on."""
        try:
            for _ in range(self._num_workers):
                self._start()
            while self._processes:
                self._hear(display)
                for worker in [each for each in self._processes if each.process.poll() is not None]:
                    self._hear(display)
                    self._processes.remove(worker)
                    if self._has_died(worker, display) and self.progress.num_left > len(self._processes):
                        self._start()
                display.show(self.progress, {each.name: each.log for each in self._processes})
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        finally:
            self._stop()
            with contextlib.suppress(OSError):
                self._hear(display)

    def _start(self) -> None:
        """Start a worker, with its share of the cores and its card."""
        name = f"{socket.gethostname()}-{os.getpid()}-{self._num_started}-{self._round.name}"
        log = self._sweep.workers / f"{name}.log"
        plugins = [word for file in self._sweep.plugins for word in ("--plugin", file)]
        words = ["work", str(self._sweep.folder), "--name", name, "--round", self._round.name, "--ends-with-stdin"]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "harness.cli.main", *words, *plugins, *self._settings.flags],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **self._share(self._num_started)},
            )
        self._processes.append(_Process(name, process, log))
        self._num_started += 1

    def _share(self, number: int) -> Mapping[str, str]:
        """The environment of a worker: as many threads as cores for each, and one card."""
        threads = max(1, num_cores() // self._num_workers)
        with contextlib.suppress(KeyError, ValueError):
            threads = min(threads, int(os.environ["OMP_NUM_THREADS"]))
        variables = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        cards = graphics_cards()
        return {**variables, "CUDA_VISIBLE_DEVICES": cards[number % len(cards)]} if cards else variables

    def _hear(self, display: Display) -> None:
        """Take in what the workers did."""
        for event in self._ledger.news():
            self.progress.add(event)
            worker = next((each for each in self._processes if each.name == event.worker), None)
            if worker is not None:
                worker.doing = event if event.kind == ledger.BEGAN else None
                worker.has_left = event.kind == ledger.LEFT
                if event.kind == ledger.LEFT and event.message:
                    self.why_stopped.append(event.message)
            if event.round == self._round.name:
                display.tell(event, self.progress)

    def _has_died(self, worker: _Process, display: Display) -> bool:
        """Whether a worker ended without leaving; the run that it did is noted. UserError where it did not even
        begin."""
        status = worker.process.returncode
        if worker.has_left:
            return False
        if worker.doing is None:
            if self._num_started <= self._num_workers:
                raise UserError(
                    f"a worker of the sweep ended before it began ({_ended(status)}): {_end_of(worker.log)}"
                )
            self.why_stopped.append(f"a worker ended before it began ({_ended(status)}): {_end_of(worker.log)}")
            return False
        killed_before, self._num_killed_for_memory = self._num_killed_for_memory, _num_killed_for_memory()
        is_memory = status == -signal.SIGKILL and self._num_killed_for_memory > killed_before
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
            else f"its process {_ended(status)}: {_end_of(worker.log)}",
        )
        self._ledger.write(event)
        self._hear(display)
        return True

    def _stop(self) -> None:
        """End the workers that are still there: they write a checkpoint first."""
        for worker in self._processes:
            worker.process.terminate()
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for worker in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, deadline - time.monotonic()))


def _ended(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


def _end_of(log: Path) -> str:
    """The last lines that a worker printed, on one line."""
    return " / ".join(last_lines(log, _LAST_LINES)) or "it printed nothing"


def _num_killed_for_memory() -> int:
    """How many processes of this control group the system has ended because memory was short; 0 where it doesn't
    say."""
    with contextlib.suppress(OSError, ValueError):
        for line in _MEMORY_EVENTS.read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def end_with_stdin() -> None:
    """End this process as by SIGTERM when its standard input is closed, because whoever started it is gone."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
