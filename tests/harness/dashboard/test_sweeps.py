from __future__ import annotations

import json
from pathlib import Path

from starlette.testclient import TestClient

from harness.common.results_folder import ResultsFolder
from harness.dashboard.server import app
from harness.dashboard.sweeps import sweeps
from harness.workers.ledger import BEGAN, COMPLETE, ENDED, KILLED, Event, Ledger
from harness.workers.planned import PlannedRun, PlannedSweep
from tests.harness.dashboard.reading import Reader


def started(results: Path) -> tuple[PlannedSweep, str]:
    runs = tuple(PlannedRun(number, (), "pair", f"run{number}", f"fit{number}") for number in range(1, 6))
    sweep = PlannedSweep("pair-abc", ResultsFolder(results), runs)
    sweep.write()
    return sweep, sweep.begin_round({1, 2, 3, 4, 5}).name


def test_a_sweep_says_what_is_done_runs_failed_and_is_left(own_results: Path) -> None:
    assert sweeps(own_results) == []
    sweep, name = started(own_results)
    ledger = Ledger(sweep.workers)
    ledger.write(Event(ENDED, "one", name, 1.0, 1, COMPLETE, 100.0, made_fit=True))
    ledger.write(Event(ENDED, "one", name, 2.0, 2, KILLED, 5.0, message="signal 9 <b>"))
    ledger.write(Event(BEGAN, "two", name, 3.0, 3))
    [state] = sweeps(own_results)
    assert (state.name, state.num_runs, state.num_left) == ("pair-abc", 5, 3)
    assert state.counts == "1 complete, 1 killed, 1 running, 2 to do"
    assert state.time_left == ", about 5 min left"  # three fits of 100 s by one worker
    assert state.failures == (("run2", "killed", "signal 9 <b>"),)
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        page = Reader(opened).get("/")
    assert "1 complete, 1 killed, 1 running, 2 to do, about 5 min left" in page.text
    assert "signal 9 &lt;b&gt;" in page.text


def test_a_sweep_that_is_done_or_damaged_is_not_shown(own_results: Path) -> None:
    sweep, name = started(own_results)
    ledger = Ledger(sweep.workers)
    for number in range(1, 6):
        ledger.write(Event(ENDED, "one", name, 1.0, number, COMPLETE, 1.0))
    assert sweeps(own_results) == []
    (sweep.folder / "sweep.jsonl").write_text(json.dumps([]))
    assert sweeps(own_results) == []
