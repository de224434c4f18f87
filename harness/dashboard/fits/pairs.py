"""Pairs of replies to rate, written by the fits of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from harness.dashboard.fits.held import Held


def write_pairs(held: Held, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The first so many pairs by these runs, the same each time."""
    from harness.runs.pairs_to_rate import Writers

    runs = [held.run(run) for run in request["runs"]]
    writers = Writers.of(runs, int(request["max_new_tokens"]), int(request["seed"]))
    yield {"pairs": [asdict(pair) for pair in writers.pairs(int(request["number"]))]}
