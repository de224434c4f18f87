"""Makes the trials of `bakeoff tune` with workers on this machine, which share them (harness/runs/tuning/tune.py).

A worker that dies in a trial is replaced: the trial counts as one without a value. Where this process dies, its workers
stop. Everything that is finished stays, and the same command does the rest.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence

from harness.common.durations import duration, time_left
from harness.common.errors import UserError
from harness.common.files import make_folder
from harness.common.numerals import number
from harness.runs.tuning.trials import Trial
from harness.runs.tuning.tune import Tuner, process_name
from harness.workers.local_workers import LocalWorkers

log = logging.getLogger("bakeoff")

_SECONDS_BETWEEN_LOOKS = 0.1
_LOGS = "workers"


def make_trials(tuner: Tuner, words: Sequence[str], num_workers: int) -> None:
    """Make the trials of a search. words: of the command that a worker is. UserError where a worker fails."""
    logs = tuner.folder / _LOGS
    make_folder(logs)
    local = LocalWorkers(num_workers)
    began, num_left, num_done = time.monotonic(), tuner.num_left, 0

    def start() -> None:
        local.start(f"{process_name(os.getpid())}-{local.num_started}", words, logs)

    def hear() -> None:
        nonlocal num_done
        for trial in tuner.news():
            num_done += 1
            left = (num_left - num_done) * (time.monotonic() - began) / num_done
            _say(trial, f"{num_done} of {num_left}", time_left(left))

    tuner.news()  # of earlier searches
    try:
        for _ in range(num_workers):
            start()
        while local.are_running:
            hear()
            for ended in local.pop_ended():
                if ended.popen.returncode == 0:
                    continue
                if not tuner.is_doing(process_name(ended.popen.pid)):
                    raise UserError(f"a worker of the search failed: its process {ended.ended} (all: {ended.log})")
                start()
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    finally:
        local.stop()
        hear()


def _say(trial: Trial, done: str, left: str) -> None:
    """Say what came of a trial."""
    what = f"{done}: {trial.family}: trial {trial.number}"
    if trial.validation_bits_per_byte is None:
        log.warning("%s has no value: %s%s", what, trial.reason, left)
    else:
        bits = number(trial.validation_bits_per_byte, "bits/byte")
        log.info("%s: %s bits/byte (%s)%s", what, bits, duration(trial.seconds or 0.0), left)
