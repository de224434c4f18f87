"""A baseline and others beside it: differences with their intervals and tests, settings, cost against quality."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError, closest
from harness.common.numerals import quantity, sign
from harness.dashboard import filters
from harness.dashboard.board import Board
from harness.dashboard.charts.intervals import Row, interval_chart
from harness.dashboard.charts.parallel import Strand, parallel
from harness.dashboard.charts.points import Dot, Plane, pareto, scatter
from harness.dashboard.charts.scales import tick_text
from harness.dashboard.choices import Choices
from harness.dashboard.differences import Difference, Differences
from harness.dashboard.looks import Look
from harness.dashboard.pages import Page
from harness.dashboard.scope import Scope
from harness.dashboard.site import Site
from harness.dashboard.slices import slice_rows, slice_table
from harness.report.wording import direction, estimate_text, heading, words

if TYPE_CHECKING:
    import pandas as pd

COSTS = {
    "parameters": "num_params",
    "training seconds": "seconds",
    "training FLOPs": "flops",
    "training tokens": "tokens",
    "FLOPs a token": "flops_per_token",
}
_MOST_AXES = 9
_MOST_ROWS = 40


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where the baseline, or what is compared with it, is gone."""
    page = Page("/compare", "compare.html", {"board": None})
    scope = site.scope(choices)
    page.context |= {"scope": scope, "settings": filters.varying(scope.entries)}
    board = site.board(scope, choices)
    if board is None:
        page.is_waiting = True
        return page
    _check_names(board, choices)
    shown = {entry.id for entry in filters.kept(scope.entries, choices)}
    visible = [s for s in board.systems if any(shown & set(line.runs) for line in board.lines if line.system == s)]
    index = _chosen_measure(board, choices)
    judged = [index for index in board.headlines if board.measures[index].is_judged]
    if index is None or not visible:
        page.context |= {"nothing": True}
        return page
    decoding = board.decoding_for(index, choices.value("decoding"))
    baseline = choices.value("base") or _default_baseline(board, index, decoding, visible)
    others = [s for s in (choices.values("pin") or visible) if s != baseline]
    measure = board.measures[index]
    pairs = site.pairs(scope, choices)
    page.is_waiting = pairs is None
    page.context |= {
        "nothing": False,
        "board": board,
        "looks": site.looks(),
        "measure": measure,
        "measure_name": heading(measure.metric, measure.unit),
        "about": board.descriptions[index],
        "better": direction(measure),
        "measures": [(f"{board.measures[p].eval}.{board.measures[p].metric}", _named(board, p)) for p in judged],
        "picked": f"{measure.eval}.{measure.metric}",
        "decoding": decoding,
        "baseline": baseline,
        "baseline_value": estimate_text(board.cells.get((baseline, decoding, index))),
        "others": others,
        "pinned": choices.values("pin"),
        "seconds_so_far": site.numbers.seconds_so_far(scope) if pairs is None else 0,
        "costs": list(COSTS),
        "cost": choices.picked("cost", list(COSTS), "parameters"),
        "slices_of": choices.value("slices"),
        "slices": [],
        "show_all": choices.value("settings") == "all",
    }
    if pairs is not None:
        _add_differences(page, Differences(board, pairs, baseline), index, decoding, others, site, choices)
        page.context["matrix"] = _matrix(board, pairs, index, decoding, [baseline, *others])
        page.tables["pairs"] = lambda: pairs
    if choices.value("slices"):
        page.context["slices"] = slice_rows(site, scope, board, baseline, choices.value("slices"))
        page.tables["slices"] = lambda: slice_table(page.context["slices"])
    rows = _settings(site, board, [baseline, *others])
    page.context["configured"] = rows if choices.value("settings") == "all" else [row for row in rows if row["differs"]]
    page.context["num_settings"] = len(rows)
    _add_parallel(page, site, board, index, decoding, [baseline, *others], rows)
    _add_cost(page, site, scope, board, index, decoding, [baseline, *others])
    page.context.setdefault("num_axes_left", 0)
    page.tables["settings"] = lambda: _settings_table(rows, [baseline, *others])
    return page


def _check_names(board: Board, choices: Choices) -> None:
    for name in (*choices.values("base"), *choices.values("pin"), *choices.values("slices")):
        if name not in board.systems:
            raise UserError(
                f"there is no model {name!r} here (any more).{closest(name, board.systems)} There is: "
                f"{', '.join(board.systems)}. Its runs may have been removed, or it has another name since others "
                "stand beside it."
            )


def _chosen_measure(board: Board, choices: Choices) -> int | None:
    """The measure of the address: 'measure=EVAL.METRIC', or eval and metric; else bits per byte, else the first that
    is better or worse."""
    eval_name, _, metric = choices.value("measure").partition(".")
    wanted = board.index_of(eval_name or choices.value("eval"), metric or choices.value("metric"))
    judged = [index for index in board.headlines if board.measures[index].is_judged]
    if wanted in judged:
        return wanted
    return board.ladder if board.ladder is not None else next(iter(judged), None)


def _default_baseline(board: Board, index: int, decoding: str, systems: Sequence[str]) -> str:
    """The best of those with a value."""
    good = {
        system: cell.goodness
        for system in systems
        if (cell := board.cells.get((system, decoding, index))) is not None and cell.goodness is not None
    }
    return max(good, key=lambda system: good[system] or -math.inf) if good else systems[-1]


def _named(board: Board, index: int) -> str:
    measure = board.measures[index]
    return f"{words(measure.eval)}: {heading(measure.metric, measure.unit)}"


def _add_differences(
    page: Page, differences: Differences, index: int, decoding: str, others: Sequence[str], site: Site, choices: Choices
) -> None:
    board, looks = differences.board, site.looks()
    rows = [(system, differences.of(index, decoding, system)) for system in others]
    compared = [difference for _, difference in rows if difference is not None and difference.value is not None]
    page.context["differences"] = [
        (difference, estimate_text(board.cells.get((difference.system, decoding, index)))) for difference in compared
    ]
    page.context["refused"] = [d for _, d in rows if d is not None and d.value is None]
    page.context["unmeasured"] = [system for system, difference in rows if difference is None]
    page.context["evidence"] = [
        (difference, _named(board, board.measures.index(difference.measure)))
        for difference in differences.surest_first(others)[:_MOST_ROWS]
    ]
    page.tables["differences"] = lambda: differences_table(differences, others)
    if compared:
        measure = board.measures[index]
        ends = choices.number("x_from"), choices.number("x_to")
        drawn = [
            Row(
                d.system,
                looks.get(board.families[d.system], Look("c7", "o")),
                d.value or 0.0,
                d.ends,
                f"{d.text}, corrected p {d.p_text}",
                is_filled=d.is_sure,
            )
            for d in compared
        ]
        unit = f"{words(measure.metric)}: difference from {differences.baseline}"
        about = f"{unit}. " + "; ".join(f"{row.name} {row.text}" for row in drawn)
        page.drawings["forest"] = interval_chart(
            drawn, unit, about, "forest", zero=0.0, in_words=tick_text(measure.unit), ends=ends
        )


def differences_table(differences: Differences, others: Sequence[str]) -> pd.DataFrame:
    """One row a comparison with the baseline."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "eval": d.measure.eval,
                "metric": d.measure.metric,
                "decoding": d.decoding,
                "model": d.system,
                "baseline": differences.baseline,
                "difference": d.value,
                "ci_low": d.ends[0] if d.ends else None,
                "ci_high": d.ends[1] if d.ends else None,
                "p_corrected": d.p,
                "verdict": d.verdict,
                "about": d.about,
                "n": d.n,
            }
            for d in differences.surest_first(others)
        ]
    )


def _matrix(
    board: Board, pairs: pd.DataFrame, index: int, decoding: str, systems: Sequence[str]
) -> list[tuple[str, list[Difference | None]]]:
    """Each system minus each other one."""
    measure = board.measures[index]
    of_measure = pairs[(pairs["eval"] == measure.eval) & (pairs["metric"] == measure.metric)]
    differences_from = {system: Differences(board, of_measure, system) for system in systems}
    return [
        (row, [None if row == column else differences_from[column].of(index, decoding, row) for column in systems])
        for row in systems
    ]


def _settings(site: Site, board: Board, systems: Sequence[str]) -> list[dict[str, Any]]:
    """Each setting with its value in each system; a value that differs between a system's runs is '(several)'."""
    of_system: dict[str, dict[str, set[str]]] = {}
    for line in board.lines:
        if line.system in systems:
            values = of_system.setdefault(line.system, {})
            for run in line.runs:
                entry = site.index.get(run)
                for key, value in json.loads(entry.settings).items() if entry else ():
                    if not key.startswith("decoding."):
                        values.setdefault(key, set()).add(_setting_text(value))
    keys = sorted(
        {key for values in of_system.values() for key in values}, key=lambda key: (key.split(".")[0] != "model", key)
    )
    rows = []
    for key in keys:
        values_of_each = [of_system.get(system, {}).get(key, set()) for system in systems]
        texts = ["–" if not v else next(iter(v)) if len(v) == 1 else "(several)" for v in values_of_each]
        rows.append({"key": key, "values": texts, "differs": len(set(texts)) > 1})
    return rows


def _setting_text(value: Any) -> str:
    """As JSON, of a number six digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _settings_table(rows: Sequence[dict[str, Any]], systems: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([[row["key"], *row["values"]] for row in rows], columns=["setting", *systems])


def _add_parallel(
    page: Page,
    site: Site,
    board: Board,
    index: int,
    decoding: str,
    systems: Sequence[str],
    rows: Sequence[dict[str, Any]],
) -> None:
    differing = [
        row
        for row in rows
        if len({*row["values"]} - {"–"}) > 1 and not row["key"].endswith(("_missed_by", "model.name"))
    ]
    differing.sort(key=lambda row: row["values"].count("–"))
    used = differing[: _MOST_AXES - 2]
    measure = board.measures[index]
    if len(systems) < 2:
        return
    axes = [row["key"].removeprefix("model.") for row in used] + ["parameters", words(measure.metric)]
    strands = []
    for number_of, system in enumerate(systems):
        cell = board.cells.get((system, decoding, index))
        values = [_as_number(row["values"][number_of]) for row in used]
        params = board.line(system, decoding).num_params
        result = None if cell is None else cell.estimate.value
        look = site.looks().get(board.families[system], Look("c7", "o"))
        strands.append(Strand(system, look, (*values, params, result)))
    about = (
        f"Each line is a model, from its settings to its {words(measure.metric)}. The table of settings has the same."
    )
    page.drawings["parallel"] = parallel(axes, strands, about)
    page.context["num_axes_left"] = len(differing) - len(used)


def _as_number(text: str) -> float | str | None:
    if text == "–":
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _add_cost(
    page: Page, site: Site, scope: Scope, board: Board, index: int, decoding: str, systems: Sequence[str]
) -> None:
    kind, measure = page.context["cost"], board.measures[index]
    dots, looks = [], site.looks()
    for system in systems:
        cost = getattr(board.line(system, decoding), COSTS[kind])
        cell = board.cells.get((system, decoding, index))
        if cost is None or cell is None or cell.estimate.value is None:
            continue
        ends = (
            None
            if cell.estimate.ci_low is None or cell.estimate.ci_high is None
            else (cell.estimate.ci_low, cell.estimate.ci_high)
        )
        tooltip = f"{system}: {quantity(cost)} {kind}, {estimate_text(cell)}{sign(measure.unit)}"
        look = looks.get(board.families[system], Look("c7", "o"))
        dots.append(Dot(float(cost), cell.estimate.value, look, tooltip, ends=ends, name=system))
    if len(dots) < 2:
        return
    has_zero = min(dot.x for dot in dots) <= 0
    plane = Plane(
        f"{kind}, logarithmic{' (0 at the left edge)' if has_zero else ''}",
        words(measure.metric),
        x_is_log=max(dot.x for dot in dots) > 0,
        y_is_log=measure.unit.startswith("bits"),
        in_words=tick_text(measure.unit),
    )
    lower = measure.higher_is_better is False
    front = [] if measure.higher_is_better is None else pareto([(dot.x, dot.y) for dot in dots], lower)
    about = f"{words(measure.metric)} against {kind}. " + "; ".join(dot.text for dot in dots)
    page.drawings["cost"] = scatter(dots, plane, about, "cost", front)
