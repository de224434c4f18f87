"""Mirrors runs to wandb, without ever stopping a run.

Our own files are written first, and only they count. wandb runs in a separate process (`harness.runs.wandb_mirror`),
which gets each finished record. Whatever fails there (no network, a folder that can't be written to, a crash, a hang)
is one warning, and the run is complete.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from harness.common.options import check_least, check_option
from harness.common.results_folder import ResultsFolder
from harness.runs.record import RunRecord

log = logging.getLogger("bakeoff")


@dataclass(frozen=True)
class Tracking:
    """Where runs are mirrored."""

    mode: Literal["offline", "online", "disabled"] = "offline"
    """offline (files under results_dir/wandb, for `wandb sync` later), online, disabled."""
    project: str = "bakeoff"
    """wandb's project."""
    entity: str | None = None
    """wandb's user or team; None: the one that wandb is logged in as."""
    max_samples: int = 200
    """Rows in the table of samples."""
    timeout_seconds: float = 60.0
    """A mirror that takes longer than this is abandoned."""

    def __post_init__(self) -> None:
        check_least(self, max_samples=0)
        check_option(self, "timeout_seconds", self.timeout_seconds > 0, "above 0")


OPTIONS = tuple(field.name for field in dataclasses.fields(Tracking))
"""The names that can follow `tracking.`"""


class Mirror:
    """wandb's process. It starts when there is something to mirror, and ends with the `with` block."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None
        self._is_given_up = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def run(self, record: RunRecord, folder: Path, tracking: Tracking, results: ResultsFolder) -> dict[str, Any]:
        """Mirror a finished run. Returns wandb's 'run_id' and 'url', or a 'warning'. folder: the run's."""
        message = {"kind": "run", "record": dataclasses.asdict(record), "folder": str(folder.resolve())}
        return self._tell(tracking, results, message)

    def report(self, experiment: str, folder: Path, tracking: Tracking, results: ResultsFolder) -> None:
        """Mirror a report's plots and summary. folder: the report's."""
        if tracking.mode != "disabled":
            message = {"kind": "report", "experiment": experiment, "folder": str(folder.resolve())}
            self._tell(tracking, results, message)

    def _tell(self, tracking: Tracking, results: ResultsFolder, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message to the mirror process. Returns its answer, or {'warning': ...} where there is none."""
        if self._is_given_up:
            return {"warning": "not mirrored, because wandb failed earlier in this process"}
        folder = results.wandb.resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # wandb would quietly write to a temporary folder instead
            if not os.access(folder, os.W_OK):
                raise OSError(f"{folder} is not writable")
            if self._child is None:
                self._child = _start()
            # wandb makes its own folder of that name there
            message |= {"tracking": dataclasses.asdict(tracking), "where": str(folder.parent)}
            answer: dict[str, Any] = json.loads(_exchange(self._child, json.dumps(message), tracking.timeout_seconds))
            if "warning" not in answer:
                return answer
            problem = answer["warning"]
        except (OSError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
        self._is_given_up = True
        self._stop()
        log.warning("wandb: mirroring stopped for this process (%s). The runs' own files are complete.", problem)
        return {"warning": problem}

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


def _start() -> subprocess.Popen[str]:
    # without these, wandb reports crashes to its own server
    quiet = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}
    return subprocess.Popen(
        [sys.executable, "-m", "harness.runs.wandb_mirror"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, **quiet},
        start_new_session=True,  # Ctrl-C must not reach the mirror: it ends when its input ends
    )


def _exchange(child: subprocess.Popen[str], line: str, timeout_seconds: float) -> str:
    """Write a line and read one, within a time limit. OSError where that fails."""
    assert child.stdin is not None
    assert child.stdout is not None
    answers: list[str] = []

    def talk() -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(line + "\n")
            child.stdin.flush()
            answers.append(child.stdout.readline())
        except OSError:
            return

    talker = threading.Thread(target=talk, daemon=True)
    talker.start()
    talker.join(timeout_seconds)
    if talker.is_alive():
        raise OSError(f"no answer within {timeout_seconds:g} s")
    if not answers or not answers[0]:
        raise OSError(f"the mirror process ended (status {child.wait(timeout=5)})")
    return answers[0]
