"""A worker: claims a run of a sweep that nobody does, does it, and goes on until none is left.

Any number of workers share a sweep, on this machine and on others that see its folder. A run whose fit another worker
is making waits for it; a fit that nobody makes comes first, since fits take longest. So each fit is made once, and the
runs that share it are spread over the workers afterwards.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

from harness.common.claims import Claim
from harness.common.errors import ClaimLost, UserError, one_line
from harness.common.results_folder import FIT_FILE
from harness.common.terminal import warn
from harness.config.compose import compose
from harness.runs.plan import plan
from harness.runs.record import RunRecord
from harness.runs.settings import typed
from harness.runs.tracking import Mirror
from harness.training.workshop import Prepared
from harness.workers import ledger
from harness.workers.ledger import Event, Ledger
from harness.workers.planned import PlannedRun, PlannedSweep, Round
from harness.workers.settings import SweepSettings

log = logging.getLogger("bakeoff")

_SECONDS_BETWEEN_LOOKS = 0.3
_MOST_FAILURES_IN_A_ROW = 3
_OWN_FAULTS = ("Diverged:", "OutOfMemory:")
"""How errors begin that other runs need not have on the same machine."""


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class Worker:
    """Does the runs of one start of a sweep's command."""

    def __init__(
        self,
        sweep: PlannedSweep,
        start: Round,
        settings: SweepSettings,
        prepared: Prepared,
        mirror: Mirror,
        name: str | None = None,
        begin: Callable[[PlannedRun], None] = lambda run: None,
    ) -> None:
        """begin: told of each run before it is done."""
        self.name = name or worker_name()
        self._sweep, self._round, self._settings = sweep, start, settings
        self._prepared, self._mirror, self._begin = prepared, mirror, begin
        self._ledger = Ledger(sweep.workers)
        self._open = {run.number: run for run in sweep.runs if run.number in start.missing}
        self._fits = {run.fit_id for run in sweep.runs if (sweep.results.fit(run.fit_id) / FIT_FILE).exists()}
        self._claims: dict[str, Claim] = {}  # a claim must be watched for a minute before it is taken over
        self._tries: Counter[int] = Counter()
        self._begun: dict[int, Event] = {}  # runs that somebody is doing
        self._last_fit = ""
        self._num_failed_in_a_row = 0
        self._why_stopped = ""
        self._hear()

    def work(self) -> str:
        """Do runs until none is left for this worker. Returns why it stopped before that, else ''."""
        try:
            while (claimed := self._next()) is not None:
                run, claims = claimed
                with claims:
                    self._do(run)
        except OSError as error:
            self._why_stopped = one_line(error)
            raise
        finally:
            self._write(ledger.LEFT, message=self._why_stopped)
        return self._why_stopped

    def _hear(self) -> None:
        """Take in what the other workers did."""
        for event in self._ledger.news():
            if event.number is None:
                continue
            if event.kind == ledger.BEGAN:
                self._begun[event.number] = event
                continue
            self._begun.pop(event.number, None)
            run = self._open.get(event.number)
            if run is None or event.round != self._round.name:
                continue
            if event.outcome in (ledger.COMPLETE, ledger.PARTIAL):
                self._fits.add(run.fit_id)
            if event.outcome not in ledger.NOT_A_TRY:
                self._tries[event.number] += 1
            if event.outcome == ledger.COMPLETE or self._tries[event.number] > self._settings.retries:
                del self._open[event.number]
                if event.outcome != ledger.COMPLETE and self._settings.fail_fast:
                    self._why_stopped = f"run {event.number} is {event.outcome}, and sweep.fail_fast=true"

    def _next(self) -> tuple[PlannedRun, ExitStack] | None:
        """A run, with the claims on it; None where none is left."""
        while self._open and not self._why_stopped:
            for run in sorted(self._open.values(), key=self._preference):
                if (claims := self._claims_on(run)) is not None:
                    return run, claims
            time.sleep(_SECONDS_BETWEEN_LOOKS)  # the others do what is left; one of them may die
            self._hear()
        return None

    def _preference(self, run: PlannedRun) -> tuple[bool, int, int]:
        """Runs that nobody has begun come first; of these the ones whose fit is missing, then those of the fit that
        this worker used last, which the system has in memory."""
        has_fit = run.fit_id in self._fits
        return run.number in self._begun, has_fit + (has_fit and run.fit_id != self._last_fit), run.number

    def _claims_on(self, run: PlannedRun) -> ExitStack | None:
        """The claims on a run, and on its fit where that is missing; None where somebody else has one of them."""
        names = [f"run-{run.number}", *([] if run.fit_id in self._fits else [f"fit-{run.fit_id}"])]
        with ExitStack() as claims:
            for name in names:
                claim = self._claims.setdefault(name, Claim(self._sweep.claim(name)))
                if not claim.take():
                    return None
                claims.callback(claim.release)
            self._hear()
            if (begun := self._begun.get(run.number)) is not None and begun.round == self._round.name:
                # the claim was free, so whoever began the run is gone: it may be the run that ends its worker
                message = f"its worker {begun.worker} ended without a word: it was killed, or its machine is gone"
                self._write(ledger.ENDED, run, ledger.KILLED, ledger.now() - begun.at, message=message)
                self._hear()
            return claims.pop_all() if run.number in self._open else None

    def _do(self, run: PlannedRun) -> None:
        """Do a run, and note how it ended."""
        self._begin(run)
        self._write(ledger.BEGAN, run)
        began = time.monotonic()
        made_fit = not (self._sweep.results.fit(run.fit_id) / FIT_FILE).exists()
        self._last_fit = run.fit_id
        outcome, message, is_own_fault = ledger.STOPPED, "", False
        try:
            record = self._record(run)
            outcome, message = record.status, record.error or ""
            # a failure without a traceback is one of the run's settings
            is_own_fault = any(
                failure.error.startswith(_OWN_FAULTS) or not failure.traceback for failure in record.errors
            )
        except UserError as error:
            outcome, message, is_own_fault = ledger.REFUSED, str(error), True
            warn(f"bakeoff: {error} (in {' '.join(run.overrides)})")
        except ClaimLost as error:
            outcome, message = ledger.LOST, str(error)
            log.warning("%s", error)
        finally:
            seconds = time.monotonic() - began
            self._write(ledger.ENDED, run, outcome, seconds, made_fit, message, is_own_fault)
        self._hear()
        self._num_failed_in_a_row += outcome == ledger.FAILED and not is_own_fault
        if outcome in (ledger.COMPLETE, ledger.PARTIAL):
            self._num_failed_in_a_row = 0
        if self._num_failed_in_a_row >= _MOST_FAILURES_IN_A_ROW:
            self._why_stopped = (
                f"{self._num_failed_in_a_row} runs failed one after another, so this worker takes no more. The last: "
                f"{message}"
            )

    def _record(self, run: PlannedRun) -> RunRecord:
        settings = dataclasses.replace(typed(compose(run.overrides)), results_dir=self._sweep.results.path)
        planned = plan(settings, self._prepared)
        if planned.run_id != run.run_id:
            raise UserError(
                f"run {run.number} of sweep {self._sweep.id} was planned as {run.run_id}, and would be "
                f"{planned.run_id} now: its text, a plugin or bakeoff changed since. Give the sweep's command again."
            )
        from harness.runs.run import run as do

        return do(planned, self._mirror)

    def _write(
        self,
        kind: str,
        run: PlannedRun | None = None,
        outcome: str = "",
        seconds: float = 0.0,
        made_fit: bool = False,
        message: str = "",
        is_own_fault: bool = False,
    ) -> None:
        number = None if run is None else run.number
        self._ledger.write(
            Event(
                kind,
                self.name,
                self._round.name,
                ledger.now(),
                number,
                outcome,
                seconds,
                made_fit,
                message,
                is_own_fault,
            )
        )
