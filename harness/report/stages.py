"""What each stage of post-training came to, from the records: reward, what is really gained, movement and cost."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.common.numerals import quantity
from harness.report.comparison import Comparison
from harness.runs.record import RunRecord

COLUMNS = [
    "model",
    "stage",
    "place",
    "num_seeds",
    "reward_before",
    "reward_after",
    "reward_gain",
    "reward_gain_low",
    "reward_gain_high",
    "gold_before",
    "gold_after",
    "gold_gain",
    "gold_gain_low",
    "gold_gain_high",
    "kl_nats",
    "reply_tokens",
    "cut_replies",
    "gamed_seeds",
    "gamed",
    "preference_accuracy",
    "bayes_accuracy",
    "tokens",
    "episodes",
    "ratings",
    "flops",
    "seconds",
]
_OF_PREFERENCE = {"preference_accuracy": "accuracy", "bayes_accuracy": "bayes_accuracy"}
_AFTER = ("kl_nats", "reply_tokens", "cut_replies")
_COSTS = ("tokens", "episodes", "ratings", "flops", "seconds")


def stages(comparison: Comparison) -> pd.DataFrame:
    """`stage_rows` as a table."""
    return pd.DataFrame(stage_rows(comparison), columns=COLUMNS)


def stage_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a stage of a system, in order, with all of COLUMNS: means over its seeds, None where a stage doesn't say.
    Gains are in standard deviations of the replies before the stage; low and high are those of single seeds, if there
    are several."""
    by_stage: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for run in comparison.fits():
        for place, facts in enumerate(run.record.stages, 1):
            by_stage.setdefault((run.system, place), []).append(facts)
    order = {system: number for number, system in enumerate(comparison.systems)}
    return [
        _row(system, place, by_stage[system, place])
        for system, place in sorted(by_stage, key=lambda key: (order[key[0]], key[1]))
    ]


def stage_rows_of_run(record: RunRecord) -> list[dict[str, Any]]:
    """The same of one run."""
    return [_row(record.family, place, [facts]) for place, facts in enumerate(record.stages, 1)]


def _row(system: str, place: int, seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"model": system, "stage": seeds[0]["stage"], "place": place, "num_seeds": len(seeds)}
    for what in ("reward", "gold"):
        before, after, deviation = (
            _numbers(facts.get(f"{what}_{when}") for facts in seeds) for when in ("before", "after", "deviation_before")
        )
        gains = [(b - a) / s for a, b, s in zip(before, after, deviation, strict=True) if s > 0 and np.isfinite(b - a)]
        row |= {f"{what}_before": _mean(before), f"{what}_after": _mean(after), f"{what}_gain": _mean(gains)}
        if len(gains) > 1:
            row |= {f"{what}_gain_low": min(gains), f"{what}_gain_high": max(gains)}
    row |= {name: _mean(_numbers(facts.get(f"{name}_after") for facts in seeds)) for name in _AFTER}
    signs = [facts.get("gamed", []) for facts in seeds]
    row |= {"gamed_seeds": sum(map(bool, signs)), "gamed": "; ".join(dict.fromkeys(itertools.chain(*signs))) or None}
    preference = [facts.get("preference_model", {}) for facts in seeds]
    row |= {name: _mean(_numbers(of.get(key) for of in preference)) for name, key in _OF_PREFERENCE.items()}
    return row | {name: _mean(_numbers(facts["spent"].get(name) for facts in seeds)) for name in _COSTS}


def _numbers(values: Any) -> list[float]:
    return [np.nan if value is None else float(value) for value in values]


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else None


def stage_lines(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The same as text for a page."""
    return [
        {
            "model": row["model"],
            "stage": row["stage"],
            "reward": _gain(row, "reward"),
            "gold": _gain(row, "gold"),
            "kl": _figure(row["kl_nats"], ".2f"),
            "tokens": _figure(row["reply_tokens"], ".0f"),
            "cut": _share(row["cut_replies"]),
            "gamed": _gamed(row),
            "accuracy": _accuracy(row),
            "cost": ", ".join(
                f"{quantity(row[name])} {name}"
                for name in ("episodes", "ratings", "seconds")
                if row[name] not in (None, 0)
            ),
        }
        for row in rows
    ]


def _gain(row: Mapping[Any, Any], what: str) -> str:
    gain = row[f"{what}_gain"]
    if gain is None:
        return "–"
    if row[f"{what}_gain_low"] is None:
        return f"{gain:+.2f}"
    return f"{gain:+.2f} ({row[f'{what}_gain_low']:+.2f} to {row[f'{what}_gain_high']:+.2f})"


def _gamed(row: Mapping[Any, Any]) -> str:
    """What got worse while the reward rose; '' where nothing did."""
    if not row["gamed_seeds"]:
        return ""
    seeds = f" in {row['gamed_seeds']} of {row['num_seeds']} seeds" if row["num_seeds"] > 1 else ""
    return f"gamed{seeds}: {row['gamed']}"


def _accuracy(row: Mapping[Any, Any]) -> str:
    if row["preference_accuracy"] is None:
        return "–"
    rater = "" if row["bayes_accuracy"] is None else f" (rater {_share(row['bayes_accuracy'])})"
    return _share(row["preference_accuracy"]) + rater


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
