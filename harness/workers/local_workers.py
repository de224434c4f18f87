"""Worker processes on this machine: each gets its share of the cores, and one graphics card.

A worker's standard input is a pipe from the process that started it, so it ends where that one dies.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ENDS_WITH_STDIN = "--ends-with-stdin"
"""The flag of a command that `LocalWorkers` starts: it calls `end_with_stdin`."""
_SECONDS_TO_STOP = 0.7
_MOST_BYTES_READ = 4096
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


def num_workers(asked: int | None, num_jobs: int) -> int:
    """How many workers share some jobs on this machine. asked: `sweep.workers`."""
    return min(asked or len(graphics_cards()) or num_cores(), num_jobs)


@dataclass(eq=False)
class LocalWorker:
    """A worker's process."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path
    """What it prints."""

    @property
    def ended(self) -> str:
        """How it ended, as 'was ended by signal 9: the last lines that it printed'."""
        status = self.popen.returncode
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{how}: {' / '.join(last_lines(self.log, _LAST_LINES)) or 'it printed nothing'}"


class LocalWorkers:
    """The workers that run now."""

    def __init__(self, most: int) -> None:
        """most: how many run at once; each gets that share of the cores."""
        self.most = most
        self.num_started = 0
        self._running: list[LocalWorker] = []

    def start(self, name: str, words: Sequence[str], logs: Path) -> LocalWorker:
        """Start `bakeoff` with some words. logs: the folder of the file to which what it prints is added."""
        log = logs / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", "harness.cli.main", *words, ENDS_WITH_STDIN],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **self._share()},
            )
        self.num_started += 1
        self._running.append(worker := LocalWorker(name, popen, log))
        return worker

    def _share(self) -> Mapping[str, str]:
        """The environment of the next worker: as many threads as cores for each, and one card."""
        threads = max(1, num_cores() // self.most)
        with contextlib.suppress(KeyError, ValueError):
            threads = min(threads, int(os.environ["OMP_NUM_THREADS"]))
        variables = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        cards = graphics_cards()
        return {**variables, "CUDA_VISIBLE_DEVICES": cards[self.num_started % len(cards)]} if cards else variables

    @property
    def are_running(self) -> bool:
        """Whether there is one that isn't known to have ended."""
        return bool(self._running)

    def pop_ended(self) -> list[LocalWorker]:
        """Those that ended since the last call."""
        ended = [worker for worker in self._running if worker.popen.poll() is not None]
        self._running = [worker for worker in self._running if worker not in ended]
        return ended

    def stop(self) -> None:
        """End the workers that are still there: they write a checkpoint first."""
        for worker in self._running:
            worker.popen.terminate()
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for worker in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.popen.wait(max(0.0, deadline - time.monotonic()))


def last_lines(log: Path, number: int) -> list[str]:
    """The last lines of a file that are not blank."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_BYTES_READ))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()][-number:]


def end_with_stdin() -> None:
    """End this process as by SIGTERM when its standard input is closed, because whoever started it is gone."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
