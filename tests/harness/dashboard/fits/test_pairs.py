"""Pairs to rate are those that `bakeoff rate` asks about."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from harness.dashboard.fits.held import Held
from harness.dashboard.fits.pairs import write_pairs
from harness.runs.pairs_to_rate import Writers


def test_they_are_those_of_the_command(fits: Path, run_of: dict[str, str]) -> None:
    runs = [run_of["gru"], run_of["uniform"]]
    request = {"runs": runs, "number": 3, "max_new_tokens": 10, "seed": 1}
    [answer] = write_pairs(Held(fits), request)
    expected = Writers.of([fits / run for run in runs], 10, 1).pairs(3)
    assert answer == {"pairs": [asdict(pair) for pair in expected]}
