"""What stages of post-training gain for how far they move the model: the reward of replies against the KL from the fit
before, step by step.

Where a program knows how good replies really are (the gold of simulated raters), it is drawn beside. Where the reward
rises and gold falls, the stage has learnt the mistakes of its reward (Gao et al. 2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.report.comparison import Comparison
from harness.report.plots.drawing import beside_row, file_name, label, right_height
from harness.report.plots.learning import finish_right
from harness.report.plots.style import Look, Plot, drawn, looks, new_figure
from harness.report.results import Run
from harness.statistics.arrays import Floats

_FEWEST_STEPS = 3
_MOST_POINTS = 12
"""Of a line: a single step's replies are few, so steps in a row are averaged."""
_KL = "kl_nats"
_DASHED = (0, (4, 2))


@dataclass(frozen=True)
class _Path:
    """One fit's last stage, from its first step to its last."""

    kl: Floats
    """(N,) nats a reply."""
    reward: Floats
    """(N,) standard deviations above the mean before the stage."""
    gold: Floats | None
    """(N,) the same of how good replies really are."""
    best_of_n: Sequence[tuple[float, float]] = ()
    """(KL in nats, reward) of the best of 2, 4, ... replies by the fit before."""

    @classmethod
    def of(cls, run: Run) -> _Path | None:
        """None where the last stage says nothing of this."""
        if not run.record.stages or not {_KL, "reward"} <= set(run.curve.columns):
            return None
        steps = _averaged(run.curve.dropna(subset=[_KL, "reward"]))
        facts = run.record.stages[-1]
        reward = _standardised(steps["reward"].to_numpy(dtype=float), "reward", facts)
        if reward is None or len(steps) < _FEWEST_STEPS:
            return None
        gold = _standardised(steps["gold"].to_numpy(dtype=float), "gold", facts) if "gold" in steps else None
        points = [point for point in facts.get("best_of_n", ()) if point["n"] > 1]
        picked = _standardised(np.array([point["reward"] for point in points], dtype=float), "reward", facts)
        assert picked is not None
        best_of_n = [(point["kl_nats"], float(value)) for point, value in zip(points, picked, strict=True)]
        return cls(steps[_KL].to_numpy(dtype=float), reward, gold, best_of_n)


def _averaged(steps: pd.DataFrame) -> pd.DataFrame:
    """At most 12 rows, each the mean of steps in a row."""
    parts = np.arange(len(steps)) * min(len(steps), _MOST_POINTS) // max(len(steps), 1)
    return steps[[name for name in (_KL, "reward", "gold") if name in steps]].groupby(parts).mean()


def _standardised(values: Floats, what: str, facts: Mapping[str, Any]) -> Floats | None:
    before, deviation = facts.get(f"{what}_before"), facts.get(f"{what}_deviation_before")
    return None if before is None or not deviation else (values - before) / deviation


def movements(comparison: Comparison) -> list[Plot | None]:
    """A plot a family whose fits end with a stage that raises a reward."""
    paths: dict[str, dict[str, list[_Path]]] = {}
    for run in comparison.fits():
        if (path := _Path.of(run)) is not None:
            paths.setdefault(run.record.family, {}).setdefault(run.system, []).append(path)
    style = looks(comparison.systems)
    return [_movement(family, of_family, style) for family, of_family in sorted(paths.items())]


def _movement(family: str, paths: Mapping[str, Sequence[_Path]], style: Mapping[str, Look]) -> Plot:
    figure = new_figure(right_height([beside_row(system) for system in paths], 1.4))
    axes = figure.add_subplot()
    labels, said = [], []
    with_gold = any(path.gold is not None for of_system in paths.values() for path in of_system)
    for system, of_system in paths.items():
        look = style[system]
        for path in of_system:
            axes.plot(path.kl, path.reward, color=look.colour, linewidth=1.2, alpha=0.8)
            if path.gold is not None:
                axes.plot(path.kl, path.gold, color=look.colour, linewidth=1.2, linestyle=_DASHED)
            if path.best_of_n:
                axes.plot(*zip(*path.best_of_n, strict=True), "s", color=look.colour, markersize=5, fillstyle="none")
        last = of_system[0]
        labels.append((beside_row(system), look, float(last.kl[-1]), float(last.reward[-1])))
        axes.plot(last.kl[-1], last.reward[-1], look.marker, color=look.colour, markersize=5, zorder=3)
        said.append(f"{system}: {_in_the_end(of_system)}")
    axes.margins(0.06, 0.08)
    axes.set_xlabel("KL from the fit before, nats a reply")
    axes.set_ylabel("standard deviations above\nthe mean before  (↑ better)")
    finish_right(figure, axes, labels)
    title = f"Reward against movement: {label(family)}"
    caption = (
        "The mean reward of replies against how far the model has moved: a line a fit, from its first steps to its "
        "last, of which some in a row are averaged."
    )
    if with_gold:
        caption += (
            " Dashed: how good the same replies really are, which only the program behind the simulated raters knows. "
            "Where lines rise and dashes fall, the stage has learnt the mistakes of its reward."
        )
    numbers = {len(path.best_of_n) for of_system in paths.values() for path in of_system} - {0}
    if numbers:
        ns = ", ".join(str(2**power) for power in range(1, max(numbers) + 1))
        caption += f" Squares: the best of {ns} replies by the fit before, at the most KL that picking them can have."
    alt = f"{title}. In the end: {'; '.join(said)}."
    return drawn(figure, f"movement_{file_name(family)}", "learning", title, caption, alt)


def _in_the_end(paths: Sequence[_Path]) -> str:
    """Means over the fits of one system."""
    said = f"{_mean([path.reward[-1] for path in paths]):+.2f} at {_mean([path.kl[-1] for path in paths]):.1f} nats"
    if golds := [path.gold for path in paths if path.gold is not None]:
        last, best = _mean([gold[-1] for gold in golds]), _mean([gold.max() for gold in golds])
        said += f", gold {last:+.2f}, at its best {best:+.2f}"
    return said


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
