"""How well models know what comes: calibration, and the probability by position.

A forecast is a measure NAME, 1 where it happened and 0 where not, beside NAME_probability: the forecast. All seeds of a
system are taken together; of runs over one fit, one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.report.comparison import Comparison

Floats = NDArray[np.float64]
_PROBABILITY = "_probability"
NUM_BINS = 10
_NUM_POSITIONS = 8


def forecasts(comparison: Comparison) -> list[dict[str, Any]]:
    """For each forecast: its eval and name, by system the calibration curve (of all seeds) and the mean probability by
    position, and how often it happened there."""
    columns_of: dict[tuple[str, str], dict[str, list[tuple[Floats, Floats, Floats]]]] = {}
    for run in comparison.fits():
        for eval_name, table in comparison.tables_of(run).items():
            for name in table.values:
                event = name.removesuffix(_PROBABILITY)
                if event != name and event in table.values:
                    happened, probability = table.values[event], table.values[name]
                    kept = np.isin(happened, (0.0, 1.0)) & (probability >= 0) & (probability <= 1)
                    columns = (happened[kept], probability[kept], _positions(table.ids)[kept])
                    columns_of.setdefault((eval_name, event), {}).setdefault(run.system, []).append(columns)
    return [_forecast(*names, by_system) for names, by_system in sorted(columns_of.items())]


def _positions(ids: tuple[str, ...]) -> Floats:
    """How far into its turn each position lies, in characters, as its id says after '@'; NaN where it doesn't."""
    endings = [sample_id.rpartition("@")[2] for sample_id in ids]
    return np.array([float(ending) if ending.isdecimal() else np.nan for ending in endings])


def _forecast(
    eval_name: str, event: str, by_system: Mapping[str, list[tuple[Floats, Floats, Floats]]]
) -> dict[str, Any]:
    joined = {
        system: tuple(np.concatenate([columns[number] for columns in seeds]) for number in range(3))
        for system, seeds in by_system.items()
    }
    positions = np.concatenate([columns[2] for columns in joined.values()])
    edges = (
        np.unique(np.quantile(positions[~np.isnan(positions)], np.linspace(0, 1, _NUM_POSITIONS + 1)))
        if not np.isnan(positions).all()
        else np.empty(0)
    )
    curves = {system: calibration(columns[0], columns[1]) for system, columns in joined.items() if len(columns[0])}
    by_position = {system: _by_position(columns[1], columns[2], edges) for system, columns in joined.items()}
    happened, _, first_positions = next(iter(joined.values()))
    return {
        "eval": eval_name,
        "event": event,
        "calibration": {system: [list(pair) for pair in zip(*curve, strict=True)] for system, curve in curves.items()},
        "positions": by_position,
        "happened": _by_position(happened, first_positions, edges),
    }


def _by_position(values: Floats, positions: Floats, edges: Floats) -> list[tuple[float, float]]:
    """(middle of the positions, mean value) of each bin between edges."""
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = (positions >= low) & ((positions < high) | (positions == edges[-1]) & (high == edges[-1]))
        if inside.any():
            rows.append((float(positions[inside].mean()), float(values[inside].mean())))
    return rows


def calibration(happened: Floats, probability: Floats, num_bins: int = NUM_BINS) -> tuple[Floats, Floats]:
    """(mean probability, share that happened) in bins that hold equally many forecasts each (scikit-learn's
    calibration_curve with strategy='quantile', which takes seconds to load)."""
    edges = np.percentile(probability, np.linspace(0, 100, num_bins + 1))
    bins = np.searchsorted(edges[1:-1], probability)
    counts = np.bincount(bins, minlength=len(edges))
    used = counts > 0
    sums = [np.bincount(bins, weights=values, minlength=len(edges))[used] for values in (probability, happened)]
    return sums[0] / counts[used], sums[1] / counts[used]
