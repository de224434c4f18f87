"""Names, settings and estimates as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.common.numerals import interval, number, quantity
from harness.report.comparison import Cell, MeasureKey
from harness.report.untrusted import visible


def words(name: str) -> str:
    """'bits_per_byte' -> 'bits per byte'."""
    return visible(name, one_line=True).replace("_", " ")


def estimate_text(cell: Cell | None) -> str:
    """'2.103 [2.051, 2.155]'; shares in percent, without the sign; '–' where there is no value."""
    if cell is None or cell.estimate.value is None:
        return "–"
    estimate, unit = cell.estimate, cell.measure.unit
    return f"{number(estimate.value, unit)} {interval(estimate.ci_low, estimate.ci_high, unit)}".rstrip()


def intervals_told(marks: str, cells: Iterable[Cell | None]) -> str:
    """What the marks of a plot stand for, 'Bands are 95 % intervals'; and why points have none, where some don't."""
    estimates = [cell.estimate for cell in cells if cell is not None and cell.estimate.value is not None]
    without = [estimate for estimate in estimates if estimate.ci_low is None]
    reasons = "; ".join(dict.fromkeys(estimate.reason for estimate in without if estimate.reason))
    because = f" ({reasons})" if reasons else ""
    if without and len(without) == len(estimates):
        return f"There are no 95 % intervals{because}"
    return f"{marks} are 95 % intervals" + (f", and some points have none{because}" if without else "")


def heading(metric: str, unit: str) -> str:
    """A column's heading: 'exact match, %'; the unit where the name does not say it already."""
    name = words(metric)
    if unit == "share":
        return f"{name}, %"
    return (
        name if unit.replace("/", " per ") in {name, name.removesuffix("s")} or not unit else f"{name}, {words(unit)}"
    )


def direction(measure: MeasureKey) -> str:
    """Which values are good: 'lower is better', ..., or ''."""
    if measure.nearest_to is not None:
        return f"nearest to {target_words(measure)} is best"
    return {True: "higher is better", False: "lower is better", None: ""}[measure.higher_is_better]


def target_words(measure: MeasureKey) -> str:
    """Whose value is the best one to have: 'real' for repetition beside real_repetition."""
    return words((measure.nearest_to or "").removesuffix(f"_{measure.metric}"))


def options_text(settings: dict[str, Any]) -> str:
    """The options in nested settings: 'temperature 0.8, k 40, chooser Sample'. Names that stand for classes are cut
    short; settings that have a name of their own, as a format, are shown by it."""
    parts = []
    for key, value in settings.items():
        if key in {"name", "fingerprint", "_target_"} or value in ({}, []):
            continue
        if isinstance(value, dict) and "name" in value:
            parts.append(f"{words(key)} {value['name']}")
        elif isinstance(value, dict):
            inner = options_text(value)
            parts.append(inner or f"{words(key)} {str(value.get('_target_', '')).rpartition('.')[2]}".rstrip())
        else:
            parts.append(f"{words(key)} {_option(value)}")
    return ", ".join(parts)


def _option(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "none"}[value]
    if isinstance(value, list):
        return " ".join(_option(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def span(values: Sequence[float]) -> str:
    """'40k', or '2.7M to 18.4M'; 'unknown' where there is none."""
    ends = [quantity(end) for end in (min(values), max(values))] if values else ["unknown"]
    return " to ".join(dict.fromkeys(ends))


def p_text(p: float | None) -> str:
    """'p = 0.012', 'p < 0.001'."""
    return "p unknown" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def joined(names: list[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else ""
