"""Where models cross: along a budget that was swept, and along the learning curves of fits; and the power laws of each
model along a budget.

A crossing is a claim about families, so it takes three seeds of each model whose fit depends on the seed.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.common.numerals import quantity
from harness.report.asked import differing
from harness.report.comparison import ANY_DECODING, Comparison, LinedUp, MeasureKey
from harness.report.swept import MOST_LINES, Line, Option, lines, swept
from harness.report.wording import joined, words
from harness.statistics.arrays import Floats, cluster_codes
from harness.statistics.crossing import Crossings, crossings
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.paired_difference import FEWEST_SEEDS
from harness.statistics.power_law import FEWEST_BUDGETS, fit_power_law
from harness.statistics.spread import Spread, spread, strata_of_clusters

CROSS, APART, UNDECIDED = (
    "they cross",
    "they do not cross in the range measured",
    "cannot be told in the range measured",
)
LEARNING = {
    "tokens": "learning curve, training tokens",
    "seconds": "learning curve, training seconds",
    "flops": "learning curve, training FLOPs",
}
"""By the column of a curve that says what was spent: the name of the axis."""
COLUMNS = [
    "axis",
    "eval",
    "metric",
    "decoding",
    "model_a",
    "model_b",
    "verdict",
    "crossing",
    "ci_low",
    "ci_high",
    "better_below",
    "better_above",
    "num_budgets",
    "lowest_budget",
    "highest_budget",
    "reason",
]
LAW_COLUMNS = ["axis", "eval", "metric", "model", "irreducible", "coefficient", "exponent", "left_out_error", "holds"]
MOST_LEFT_OUT_ERROR = 0.02
"""A law holds where it predicts each budget from the others to this share of the loss."""
_MEASURED = "validation_bits_per_byte"
_FEWEST_BUDGETS = 3
_NUM_PLACES = 30
_MOST_NAMED = 3


def find_crossings(comparison: Comparison) -> pd.DataFrame:
    """One row a crossing, or a pair without one: every two models on every headline measure along each swept budget,
    and on validation text along their learning curves. `crossing` is a budget, with its 95 % interval."""
    rows = [
        row
        for option in _budgets(comparison)
        for measure in comparison.judged_headlines
        if option.changes(comparison, measure)
        for decoding in comparison.decodings_of(measure)
        for row in along_option(comparison, option, measure, decoding)
    ]
    return pd.DataFrame([*rows, *along_curves(comparison, "tokens")], columns=COLUMNS)


def power_laws(comparison: Comparison) -> pd.DataFrame:
    """One row a model and swept budget of four values or more, on bits per byte: loss = irreducible + coefficient x
    budget^-exponent. `left_out_error` is the largest error of a budget predicted from the others."""
    measure = comparison.ladder
    rows = []
    for option in _budgets(comparison) if measure else ():
        assert measure is not None
        for line in lines(comparison, option, measure):
            losses = [cell.estimate.value for _, _, cell in line.points if cell.estimate.value is not None]
            if len(losses) == len(line.points) >= FEWEST_BUDGETS and min(losses) > 0:
                law = fit_power_law([value for value, _, _ in line.points], losses)
                holds = law.left_out_error <= MOST_LEFT_OUT_ERROR
                about = [option.axis, measure.eval, measure.metric, line.name]
                numbers = [law.irreducible, law.coefficient, law.exponent, law.left_out_error]
                rows.append(dict(zip(LAW_COLUMNS, [*about, *numbers, holds], strict=True)))
    return pd.DataFrame(rows, columns=LAW_COLUMNS)


def crossing_sentences(crossings: pd.DataFrame) -> list[str]:
    """What the page says of them: each crossing, and how many pairs do not cross or cannot be told."""
    sentences = []
    for (axis, metric, decoding), rows in crossings.groupby(["axis", "metric", "decoding"], sort=False):
        tested = rows[rows["verdict"].notna()]
        found = tested[tested["verdict"] == CROSS]
        said = [_sentence(row) for row in found.head(_MOST_NAMED).to_dict("records")]
        others = len(found) - len(said)
        counts = {"more cross": others} | {
            verdict.removeprefix("they "): int((tested["verdict"] == verdict).sum()) for verdict in (APART, UNDECIDED)
        }
        rest = joined([f"{count} {what}" for what, count in counts.items() if count])
        said += [f"Of the other pairs {rest}." if said else f"Of {len(tested)} pairs {rest}."] if rest else []
        under = "" if decoding == ANY_DECODING else f" under {decoding}"
        if said:
            sentences.append(f"{words(str(metric)).capitalize()}{under}, along {axis}: {' '.join(said)}")
    return sentences


def _sentence(row: Mapping[Hashable, Any]) -> str:
    ends = f"[{quantity(row['ci_low'])}, {quantity(row['ci_high'])}]"
    return (
        f"{row['model_a']} and {row['model_b']} cross at {quantity(row['crossing'])} {ends}: below, "
        f"{row['better_below']} is better, above, {row['better_above']}."
    )


def _budgets(comparison: Comparison) -> list[Option]:
    return [option for option in swept(comparison) if is_budget(option)]


def is_budget(option: Option) -> bool:
    """Whether more of it is spent: budgets, and sizes of the training text."""
    return option.key.startswith(("budget.", "data.")) and min(option.values) > 0


def along_option(
    comparison: Comparison, option: Option, measure: MeasureKey, decoding: str
) -> Iterator[dict[str, Any]]:
    """Rows of `find_crossings` on one measure along one swept budget."""
    along = lines(comparison, option, measure, None if decoding == ANY_DECODING else decoding)
    for first, second in itertools.combinations(along[:MOST_LINES], 2):
        budgets = sorted({value for value, _, _ in first.points} & {value for value, _, _ in second.points})
        budgets = [budget for budget in budgets if np.isfinite(budget)]
        about = [option.axis, measure.eval, measure.metric, decoding, first.name, second.name]
        row: dict[str, Any] = dict(zip(COLUMNS, about, strict=False)) | _range(budgets)
        if len(budgets) >= _FEWEST_BUDGETS:
            points = _Points.of(comparison, measure, decoding, (first, second), budgets)
            if isinstance(points, str):
                yield row | {"reason": points}
            else:
                found = crossings(budgets, points.first, points.second, points.seeds_vary)
                yield from _rows(row, found, higher_is_better=measure.higher_is_better is True)


def _range(budgets: Sequence[float]) -> dict[str, Any]:
    if not budgets:
        return {"num_budgets": 0}
    return {"num_budgets": len(budgets), "lowest_budget": budgets[0], "highest_budget": budgets[-1]}


def _rows(row: dict[str, Any], result: Crossings, higher_is_better: bool) -> Iterator[dict[str, Any]]:
    if not result.found:
        yield row | {"verdict": UNDECIDED if result.is_undecided else APART}
    for found in result.found:
        names = (row["model_a"], row["model_b"])
        below, above = names if found.first_is_higher_below == higher_is_better else names[::-1]
        numbers = {"crossing": found.place, "ci_low": found.low, "ci_high": found.high}
        yield row | {"verdict": CROSS, **numbers, "better_below": below, "better_above": above}


@dataclass(frozen=True)
class _Points:
    """Two lines at the same budgets, over the same samples."""

    first: list[Spread]
    second: list[Spread]
    seeds_vary: tuple[bool, bool]

    @classmethod
    def of(
        cls,
        comparison: Comparison,
        measure: MeasureKey,
        decoding: str,
        pair: tuple[Line, Line],
        budgets: Sequence[float],
    ) -> _Points | str:
        """The points; or why they can't be compared."""
        systems = [{value: system for value, system, _ in line.points} for line in pair]
        lined_up: list[list[LinedUp]] = [[], []]
        for budget in budgets:
            asked = [comparison.asked(of[budget], decoding, measure) for of in systems]
            if apart := differing([one for one in asked if one is not None]):
                return f"not compared: they differ in {joined(apart)}"
            for of, sides in zip(systems, lined_up, strict=True):
                side = comparison.judged(of[budget], decoding, measure)
                if side is None:
                    return f"no samples that give {of[budget]}"
                if side.seeds_vary and len(side.tops) < FEWEST_SEEDS:
                    return f"fewer than {FEWEST_SEEDS} seeds of {of[budget]}"
                sides.append(side)
        every = [side for sides in lined_up for side in sides]
        if any(side.ids != every[0].ids for side in every):
            return "not compared: their samples differ from budget to budget"
        used = ~np.isnan(np.concatenate([part for side in every for part in (side.tops, side.bottoms)])).any(axis=0)
        codes = cluster_codes(cluster_codes(every[0].clusters, len(used))[used], int(used.sum()))
        if codes.max(initial=-1) + 1 < FEWEST_CLUSTERS:
            return f"fewer than {FEWEST_CLUSTERS} clusters"
        strata = strata_of_clusters(codes, [every[0].strata[place] for place in np.flatnonzero(used).tolist()])
        first, second = (
            [spread(side.tops[:, used], side.bottoms[:, used], codes, strata, side.formula.scale) for side in sides]
            for sides in lined_up
        )
        vary = [any(side.seeds_vary for side in sides) for sides in lined_up]
        return cls(first, second, (vary[0], vary[1]))


def along_curves(comparison: Comparison, spent: str) -> Iterator[dict[str, Any]]:
    """Rows of `find_crossings` along the learning curves of fits by gradients that saw the same validation text. spent:
    a key of LEARNING."""
    curves: dict[str, list[tuple[Floats, Floats]]] = {}
    texts: dict[str, object] = {}
    for run in comparison.fits():
        if {spent, _MEASURED} <= set(run.learning_curve.columns):
            kept = run.learning_curve.dropna(subset=[spent, _MEASURED])
            amounts, bits = (kept[name].to_numpy(dtype=float) for name in (spent, _MEASURED))
            if len(kept) >= _FEWEST_BUDGETS and amounts[0] > 0 and np.isfinite(bits).all():
                curves.setdefault(run.system, []).append((np.log(amounts), bits))
                texts[run.system] = run.record.data.get("fingerprint")
    systems = [system for system in comparison.systems if len(curves.get(system, ())) >= FEWEST_SEEDS]
    for first, second in itertools.combinations(systems[:MOST_LINES], 2):
        both = [*curves[first], *curves[second]]
        low, high = max(logs[0] for logs, _ in both), min(logs[-1] for logs, _ in both)
        places = np.unique(np.concatenate([logs for logs, _ in both]))
        places = places[(low <= places) & (places <= high)]
        places = places[np.unique(np.linspace(0, len(places) - 1, min(len(places), _NUM_PLACES)).round().astype(int))]
        if len(places) < _FEWEST_BUDGETS or texts[first] != texts[second]:
            continue
        budgets = [float(amount) for amount in np.exp(places)]
        about = [LEARNING[spent], "", _MEASURED, ANY_DECODING, first, second]
        row: dict[str, Any] = dict(zip(COLUMNS, about, strict=False)) | _range(budgets)
        of_first, of_second = ([_at(curves[system], place) for place in places] for system in (first, second))
        yield from _rows(row, crossings(budgets, of_first, of_second, of_one_fit=True), higher_is_better=False)


def _at(seeds: Sequence[tuple[Floats, Floats]], place: float) -> Spread:
    """Each seed's value there: over the one validation text, so that only seeds vary."""
    values = np.array([float(np.interp(place, logs, bits)) for logs, bits in seeds])
    return Spread(values, np.zeros((len(values), 0)), np.zeros(0, dtype=np.int64))
