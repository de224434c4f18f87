"""The sweeps that workers do now, from their plans and ledgers: what is done, what runs, what failed, the time left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder

_MOST_SWEEPS = 10
_GONE_WRONG = ("failed", "refused", "killed", "out of memory")


@dataclass(frozen=True)
class SweepState:
    """A sweep that has something left to do, or whose latest start had runs that failed."""

    name: str
    num_runs: int
    num_left: int
    counts: str
    """'5 complete, 1 failed, 2 running, 28 to do'."""
    time_left: str
    """', about 3 min left', or ''."""
    failures: tuple[tuple[str, str, str], ...]
    """(run's id, how it ended, why)."""


def sweeps(results: Path) -> list[SweepState]:
    """The sweeps that were started last, the latest first; none where there are none."""
    folder = ResultsFolder(results).sweeps
    if not folder.is_dir():
        return []
    from harness.workers.planned import round_file

    started = [(path.stat().st_mtime, path.parent) for path in map(round_file, folder.iterdir()) if path.is_file()]
    states = [_state(path) for _, path in sorted(started, reverse=True)[:_MOST_SWEEPS]]
    return [state for state in states if state is not None and (state.num_left or state.failures)]


def _state(folder: Path) -> SweepState | None:
    """A sweep's state; None where its plan can't be read."""
    from harness.workers.ledger import Ledger
    from harness.workers.planned import PlannedSweep
    from harness.workers.progress import Progress

    try:
        sweep = PlannedSweep.read(folder)
        start = sweep.latest_round()
    except (UserError, OSError):
        return None
    progress = Progress([run for run in sweep.runs if run.number in start.missing], start.name)
    for event in Ledger(sweep.workers).news():
        progress.add(event)
    num_workers = len({event.worker for event in progress.running.values()})
    failures = [
        (progress.runs[number].run_id, event.outcome, event.message)
        for number, event in progress.ended.items()
        if event.outcome in _GONE_WRONG
    ]
    return SweepState(
        sweep.id,
        len(progress.runs),
        progress.num_left,
        progress.counts(),
        progress.time_left(num_workers) if num_workers and progress.num_left else "",
        tuple(failures),
    )
