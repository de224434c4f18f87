"""Choosing runs by anything that was configured. A filter hides runs; it never changes a number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from harness.common.numerals import number
from harness.config.identity import SOURCE
from harness.dashboard.choices import Choices
from harness.runs.index import OWN_KEYS, Entry, Headline
from harness.runs.systems import DERIVED

_MOST_VALUES = 60


@dataclass(frozen=True)
class Setting:
    """Something in which runs differ."""

    key: str
    values: tuple[str, ...]


def varying(entries: Sequence[Entry]) -> list[Setting]:
    """The settings of which these runs have several values, up to a number of values; not what was measured."""
    values_of: dict[str, dict[str, None]] = {key: {} for key in OWN_KEYS}
    for entry in entries:
        for key in OWN_KEYS:
            values_of[key].setdefault(entry.value(key))
    for text in dict.fromkeys(entry.settings for entry in entries if entry.has_record):
        for key, value in json.loads(text).items():
            values_of.setdefault(key, {}).setdefault(value if isinstance(value, str) else json.dumps(value))
    redundant = DERIVED | {"model.name", "decoding.name"}
    return [
        Setting(key, tuple(sorted(filter(None, values), key=_by_number)))
        for key, values in values_of.items()
        if 1 < len(values) <= _MOST_VALUES and key not in redundant and not key.endswith(SOURCE)
    ]


def _by_number(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text


def kept(entries: Iterable[Entry], choices: Choices) -> list[Entry]:
    """The runs that fit all filters: of several values of one setting any will do."""
    wanted: dict[str, set[str]] = {}
    for where in choices.values("where"):
        key, _, value = where.partition("=")
        wanted.setdefault(key, set()).add(value)
    words = choices.value("q").lower().split()
    return [
        entry
        for entry in entries
        if all(entry.value(key) in values for key, values in wanted.items())
        and all(word in _text(entry) for word in words)
    ]


def _text(entry: Entry) -> str:
    return (
        f"{entry.id} {entry.family} {entry.model} {entry.decoding} {entry.status} {entry.why} {entry.settings}".lower()
    )


@dataclass(frozen=True)
class Group:
    """Runs of one value of a setting."""

    value: str
    num_runs: int
    num_failed: int
    results: tuple[str, ...]
    """For each headline 'median [least, most], n'."""


def grouped(entries: Sequence[Entry], key: str) -> tuple[list[tuple[str, str]], list[Group]]:
    """The runs by a setting: (eval, metric) of each result, and the groups. Results are medians over runs with their
    range: a description, and no estimate."""
    members: dict[str, list[Entry]] = {}
    for entry in entries:
        members.setdefault(entry.value(key) or "–", []).append(entry)
    measures = list(dict.fromkeys((h.eval, h.metric) for entry in entries for h in entry.headlines))
    groups = [
        Group(
            value,
            len(of_group),
            sum(entry.status in ("failed", "partial", "unreadable") for entry in of_group),
            tuple(_result(of_group, measure) for measure in measures),
        )
        for value, of_group in sorted(members.items(), key=lambda item: _by_number(item[0]))
    ]
    return measures, groups


def _result(entries: Sequence[Entry], measure: tuple[str, str]) -> str:
    headlines = [
        h for entry in entries for h in entry.headlines if (h.eval, h.metric) == measure and h.value is not None
    ]
    values = [headline.value for headline in headlines if headline.value is not None]
    if not values:
        return "–"
    unit = headlines[0].unit
    ends = f" [{number(min(values), unit)}, {number(max(values), unit)}]" if len(values) > 1 else ""
    return f"{number(median(values), unit)}{ends}, n {len(values)}"


def headline_of(entry: Entry, measure: tuple[str, str]) -> Headline | None:
    """A run's result for a measure."""
    return next((h for h in entry.headlines if (h.eval, h.metric) == measure), None)
