"""The numbers that differ between runs, and what was measured along each: the lines of a sweep.

An option is swept where runs that are alike in everything else have two or more of its numbers. A number that changes
with it (a width that is solved for a budget, an eval's digits that follow the data's) is no difference of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey
from harness.report.results import Run
from harness.report.wording import words
from harness.runs.systems import labels

MOST_OPTIONS = 4
"""How many a report draws; it names the others."""
MOST_LINES = 12
"""In a plot, before only one decoding strategy's are kept."""
_NO_QUANTITY = frozenset({"seed", "version"})
# Parts of a setting's dotted name that say only where it is kept.
_FOLDERS = frozenset(
    {"model", "members", "data", "config", "sources", "training", "tokenizer", "decoding", "transforms", "search"}
)
_BUDGETS = {
    "budget.tokens": "training budget, tokens",
    "budget.seconds": "training budget, seconds",
    "budget.flops": "training budget, FLOPs",
    "budget.num_params": "size asked for, parameters",
}

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """A setting whose numbers were swept."""

    key: str
    """Its dotted name, as 'model.order'."""
    values: tuple[float, ...]
    """In order; of 'inf' infinity."""
    together: tuple[str, ...] = ()
    """The dotted names of numbers that change with it."""

    @property
    def is_decoding(self) -> bool:
        return self.key.startswith("decoding.")

    @property
    def axis(self) -> str:
        """Its full name in plain words."""
        return in_words(self.key)

    def changes(self, comparison: Comparison, measure: MeasureKey) -> bool:
        """Whether the measure can depend on it."""
        if self.key.startswith("evals."):
            return any(key.startswith(f"evals.{measure.eval}.") for key in (self.key, *self.together))
        return not self.is_decoding or measure.uses_decoding


@dataclass(frozen=True)
class Line:
    """What was measured along an option while all else stood still."""

    name: str
    """The other settings, as far as they differ between lines."""
    points: tuple[tuple[float, str, Cell], ...]
    """(value of the option, system, what was measured), values in order."""


def swept(comparison: Comparison) -> list[Option]:
    """Every option that was swept, the one with the most values first."""
    table = _varying(comparison)
    names = sorted({name for row in table for name, value in row.items() if _is_swept_number(name, value)})
    alike: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        alike.setdefault(_signature(table, name), []).append(name)
    first_of = {group[0]: group for group in alike.values()}
    options: list[Option] = []
    for name, group in first_of.items():
        solved = [other for other in first_of if other != name and _change_together(table, name, other, first_of)]
        if any(option.key in solved for option in options):
            continue
        together = tuple(sorted({*group[1:], *(member for other in solved for member in first_of[other])}))
        values = _values(table, name, {name, *together})
        if len(values) > 1:
            options.append(Option(name, values, together))
    return sorted(options, key=lambda option: (-len(option.values), option.key))


def lines(comparison: Comparison, option: Option, measure: MeasureKey, decoding: str | None = None) -> list[Line]:
    """A line for each combination of the other settings, those of fewer than two values left out.

    decoding: the one strategy whose lines are wanted; None: those of each.
    """
    decoded = measure.uses_decoding
    grouped: dict[str, tuple[Settings, dict[float, tuple[str, Cell]]]] = {}
    for run in comparison.results.runs:
        value = number_of(run.settings.get(option.key))
        if value is None or (decoded and decoding not in (None, run.decoding)):
            continue
        cell = comparison.cell(run.system, run.decoding if decoded else ANY_DECODING, measure)
        if cell is None or cell.estimate.value is None:
            continue
        rest = _rest(run, option, measure, decoded)
        grouped.setdefault(repr(sorted(rest.items())), (rest, {}))[1][value] = (run.system, cell)
    kept = [(rest, found) for rest, found in grouped.values() if len(found) > 1]
    names = _names([rest for rest, _ in kept])
    return sorted(
        (
            Line(name, tuple((value, *found[value]) for value in sorted(found)))
            for name, (_, found) in zip(names, kept, strict=True)
        ),
        key=lambda line: line.name,
    )


def number_of(value: Any) -> float | None:
    """A setting's value as a number; 'inf' is infinity, None what is no number."""
    if value == "inf":
        return math.inf
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def in_words(key: str) -> str:
    """A setting's dotted name as an axis is named: 'model.order' -> 'order', 'evals.NAME.num_shots' -> 'num shots of
    NAME eval'. Of a transform that is called as its one option, the name once."""
    if key in _BUDGETS:
        return _BUDGETS[key]
    parts = [part for part in key.split(".") if part not in _FOLDERS] or [key]
    if parts[0] == "evals":
        parts = [f"{parts[1]} eval", *parts[2:]]
    *context, last = dict.fromkeys(words(part) for part in parts)
    return f"{last} of {' '.join(context)}" if context else last


def _varying(comparison: Comparison) -> list[dict[str, Any]]:
    """The settings in which runs differ, a row for each combination of them."""
    settings = [run.settings for run in comparison.results.runs]
    texts: dict[str, set[str]] = {}
    for name in {name for own in settings for name in own}:
        texts[name] = {repr(own.get(name)) for own in settings}
    varying = sorted(name for name, found in texts.items() if len(found) > 1)
    rows = [{name: own[name] for name in varying if name in own} for own in settings]
    return list({repr(row): row for row in rows}.values())


def _is_swept_number(name: str, value: Any) -> bool:
    return number_of(value) is not None and name.rpartition(".")[2] not in _NO_QUANTITY


def _signature(table: Sequence[Settings], name: str) -> tuple[int, ...]:
    """The same for settings that take each of their values in the same rows."""
    places: dict[str, int] = {}
    return tuple(places.setdefault(repr(row.get(name)), len(places)) for row in table)


def _change_together(table: Sequence[Settings], name: str, other: str, first_of: Mapping[str, Sequence[str]]) -> bool:
    """Whether, all else being equal, each number of the one comes with its own of the other."""
    without = {*first_of[name], *first_of[other]}
    groups: dict[str, set[tuple[float | None, float | None]]] = {}
    for row in table:
        if number_of(row.get(name)) is not None:
            pair = (number_of(row.get(name)), number_of(row.get(other)))
            groups.setdefault(_rest_of_row(row, without), set()).add(pair)
    pairs = [group for group in groups.values() if any(second is not None for _, second in group)]
    one_to_one = all(
        len({first for first, _ in group}) == len(group) == len({second for _, second in group}) for group in pairs
    )
    return bool(pairs) and one_to_one and all(len(group) > 1 for group in pairs)


def _values(table: Sequence[Settings], name: str, without: set[str]) -> tuple[float, ...]:
    """The numbers of an option in those combinations of the other settings that have two or more."""
    groups: dict[str, set[float]] = {}
    for row in table:
        if (value := number_of(row.get(name))) is not None:
            groups.setdefault(_rest_of_row(row, without), set()).add(value)
    return tuple(sorted(set[float]().union(*(group for group in groups.values() if len(group) > 1))))


def _rest_of_row(row: Settings, without: set[str]) -> str:
    return repr([(name, value) for name, value in row.items() if name not in without])


def _rest(run: Run, option: Option, measure: MeasureKey, decoded: bool) -> dict[str, Any]:
    """The settings that a measure can depend on, without the option."""
    own_eval = f"evals.{measure.eval}."
    return {
        name: value
        for name, value in run.settings.items()
        if name not in (option.key, *option.together)
        and (not name.startswith("evals.") or name.startswith(own_eval))
        and (decoded or not name.startswith("decoding."))
    }


def _names(rests: Sequence[Settings]) -> list[str]:
    """The settings of each line as far as lines differ in them; the model's name where there is nothing else."""
    of_models = [{k: v for k, v in rest.items() if not k.startswith("decoding.")} for rest in rests]
    of_strategies = [{k: v for k, v in rest.items() if k.startswith("decoding.")} for rest in rests]
    models, strategies = labels(of_models, "model.name"), labels(of_strategies, "decoding.name")
    families = {str(rest.get("model.name")) for rest in rests}
    prefix = f"{families.pop()}, " if len(families) == 1 else ""
    named = []
    for model, strategy in zip(models, strategies, strict=True):
        parts = [model] if len(set(models)) > 1 else []
        parts += [strategy] if len(set(strategies)) > 1 else []
        named.append((", ".join(parts) or model).removeprefix(prefix))
    return named
