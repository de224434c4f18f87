"""How a sweep gets on, from its ledger: what is done, what runs, what failed, how much time is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from harness.common.durations import time_left
from harness.workers import ledger
from harness.workers.ledger import Event
from harness.workers.planned import PlannedRun


class Progress:
    """The state of one start of a sweep's command."""

    def __init__(self, runs: Collection[PlannedRun], round: str) -> None:
        """runs: those that it has to do."""
        self.runs = {run.number: run for run in runs}
        self.running: dict[int, Event] = {}
        """By number: how a run that is being done began."""
        self.ended: dict[int, Event] = {}
        """By number: how a run ended last."""
        self._round = round
        self._fits_made: set[str] = set()
        self._seconds: dict[bool, list[float]] = {True: [], False: []}

    def add(self, event: Event) -> None:
        """Take in an event, of whatever worker."""
        if event.number not in self.runs or event.round != self._round:
            return
        if event.kind == ledger.BEGAN:
            self.running[event.number] = event
            self.ended.pop(event.number, None)  # it is tried again
            return
        self.running.pop(event.number, None)
        self.ended[event.number] = event
        if event.outcome in (ledger.COMPLETE, ledger.PARTIAL):
            self._fits_made.add(self.runs[event.number].fit_id)
            self._seconds[event.made_fit].append(event.seconds)

    @property
    def num_left(self) -> int:
        """Runs that have not ended."""
        return len(self.runs) - sum(event.outcome not in ledger.NOT_A_TRY for event in self.ended.values())

    def time_left(self, num_workers: int) -> str:
        """', about 3 min left'; '' where nothing is left, where a run was stopped, or where no run so far is of the
        kind of one that is left. Runs that make a fit take longer than those that find one."""
        if any(event.outcome == ledger.STOPPED for event in self.ended.values()):
            return ""
        means = {made_fit: sum(of_kind) / len(of_kind) for made_fit, of_kind in self._seconds.items() if of_kind}
        if True not in means and False in means:  # the fits are there from an earlier sweep
            means[True] = means[False]
        makes_fit, fits = [], set(self._fits_made)
        for number, run in self.runs.items():
            if number not in self.ended:
                makes_fit.append(run.fit_id not in fits)
                fits.add(run.fit_id)
        if not set(makes_fit) <= means.keys():
            return ""
        return time_left(sum(means[kind] for kind in makes_fit) / num_workers)

    def counts(self) -> str:
        """As '5 complete, 1 failed, 2 running, 28 left'."""
        outcomes = Counter(event.outcome for event in self.ended.values())
        outcomes["running"] = len(self.running)
        outcomes["to do"] = len(self.runs) - len(self.ended) - len(self.running)
        return ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items() if number)
