"""Learning curves: what was reached against what was spent, and along any number that was swept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet

from harness.common.errors import UserError
from harness.common.numerals import number, quantity
from harness.common.plurals import many
from harness.common.results_folder import CURVE_FILE
from harness.dashboard import filters
from harness.dashboard.board import Board
from harness.dashboard.charts.lines import Series, line_chart
from harness.dashboard.charts.points import Dot, Plane, scatter
from harness.dashboard.choices import Choices
from harness.dashboard.crossings import Crossings, crossings
from harness.dashboard.curve_columns import ABOUT, ALONG, COMPARABLE, LOSSES, MEASURED, MOVED, SPENT
from harness.dashboard.looks import Look
from harness.dashboard.mean_curve import Curve, mean_curve
from harness.dashboard.pages import Page
from harness.dashboard.scope import Scope
from harness.dashboard.site import Site
from harness.report.comparison import ANY_DECODING
from harness.report.crossings import LEARNING, along_curves, along_option, is_budget
from harness.report.results import damaged_by
from harness.report.wording import estimate_text, words
from harness.runs.index import Entry

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = tuple(dict.fromkeys([*ALONG, *MEASURED]))
_MOST_CURVES = 400
_curves: OrderedDict[tuple[object, ...], dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where an experiment of the address is gone."""
    page = Page("/curves", "curves.html", {"kind": "", "swept": [], "is_loss": True, "has_stages": False})
    scope = site.scope(choices)
    page.context |= {"scope": scope, "settings": filters.varying(scope.entries)}
    board = site.board(scope, choices)
    if board is None:
        page.is_waiting = True
        return page
    shown = {entry.id for entry in filters.kept(scope.entries, choices)}
    lines = [line for line in board.lines if shown & set(line.runs)]
    pinned = {*choices.values("pin"), *choices.values("base")}
    systems = [s for s in dict.fromkeys(line.system for line in lines) if not pinned or s in pinned]
    options = site.swept(scope)
    axes = ALONG if any(row[MOVED] is not None for row in board.stages) else SPENT
    x = choices.picked("x", [*axes, "parameters", *options], "tokens")
    page.context |= {
        "board": board,
        "looks": site.looks(),
        "kind": "spent" if x in ALONG else "parameters" if x == "parameters" else "swept",
        "axes": [*axes.items(), ("parameters", "parameters"), *options.items()],
        "x": x,
        "y": choices.picked("y", list(MEASURED), COMPARABLE),
        "is_loss": True,
        "about": "",
        "has_stages": any(row["model"] in systems for row in board.stages),
        "scale": choices.picked("scale", ["log", "linear"], "log"),
        "systems": board.systems,
        "pinned": choices.values("pin"),
        "legend": [],
        "crossings": Crossings(),
    }
    if x in ALONG:
        _add_spent(page, site, scope, board, choices, systems)
    elif x == "parameters":
        _add_parameters(page, site, board, systems)
    else:
        _add_swept(page, site, scope, choices, x, systems)
    return page


def curves_of(site: Site, board: Board, systems: Sequence[str]) -> dict[str, dict[int, dict[str, Any]]]:
    """By system and seed: the columns of the curve, one run a fit. Runs without a curve are left out."""
    curves: dict[str, dict[int, dict[str, Any]]] = {}
    for line in board.lines:
        for run in line.runs if line.system in systems else ():
            entry = site.index.get(run)
            seeds = curves.setdefault(line.system, {})
            if entry is None or entry.seed is None or entry.seed in seeds or entry.status == "failed":
                continue
            columns = _read(site, entry)
            if columns:
                seeds[entry.seed] = columns
    return {system: curves[system] for system in systems if curves.get(system)}


def _read(site: Site, entry: Entry) -> dict[str, Any]:
    """The columns of a run's curve; empty where there is none, or it can't be read."""
    key = (str(site.index.results), entry.id, entry.stamp)
    with _lock:
        if key in _curves:
            return _curves[key]
    path = site.index.folder(entry) / CURVE_FILE
    columns: dict[str, Any] = {}
    try:
        if path.exists():
            with damaged_by(path):
                table = pyarrow.parquet.read_table(path, use_threads=False)
                names = [name for name in _COLUMNS if name in table.column_names]
                columns = {name: np.asarray(table[name].to_numpy(), dtype=np.float64) for name in names}
    except UserError:
        columns = {}
    with _lock:
        _curves[key] = columns
        while len(_curves) > _MOST_CURVES:
            _curves.popitem(last=False)
    return columns


def _curve(columns: Mapping[str, Any], x: str, y: str, is_log: bool) -> Curve | None:
    """The points of a curve that have both; None where there is none."""
    if x not in columns or y not in columns:
        return None
    across, up = columns[x], columns[y]
    known = np.isfinite(across) & np.isfinite(up)
    if is_log and len(across) > 1:
        known &= across > 0
    if not known.any():
        return None
    x_values, first = np.unique(across[known], return_index=True)
    return x_values, up[known][first]


def _add_spent(page: Page, site: Site, scope: Scope, board: Board, choices: Choices, systems: Sequence[str]) -> None:
    x, y = page.context["x"], page.context["y"]
    is_log = page.context["scale"] == "log" and x in SPENT
    of_systems = curves_of(site, board, systems)
    known = {name for seeds in of_systems.values() for columns in seeds.values() for name in columns}
    page.context |= {
        "measured": [(name, text) for name, text in MEASURED.items() if name in {*LOSSES, *known, y}],
        "is_loss": y in LOSSES and x in SPENT,
        "about": ABOUT.get(y, ""),
    }
    series, table, by_system = [], [], {}
    for system, seeds in of_systems.items():
        curves = {
            seed: curve
            for seed, columns in sorted(seeds.items())
            if (curve := _curve(columns, x, y, is_log)) is not None
        }
        if not curves:
            continue
        by_system[system] = list(curves.values())
        look = site.looks().get(board.families[system], Look("c7", "o"))
        series.append(_series(system, look, list(curves.values())))
        for seed, (across, up) in curves.items():
            table += [(system, seed, float(a), float(b)) for a, b in zip(across, up, strict=True)]
    if not series:
        return
    if is_log:
        least = min((x for line in series for x, _ in line.points if x > 0), default=1.0)
        series = [_from(line, least) for line in series]
    ends = [(choices.number(f"{axis}_from"), choices.number(f"{axis}_to")) for axis in ("x", "y")]
    log = ", logarithmic" if is_log else ""
    y_is_log = is_log and y in LOSSES and min(row[-1] for row in table) > 0
    plane = Plane(f"{ALONG[x]}{log}", f"{MEASURED[y]}", is_log, y_is_log, lambda value: f"{value:.3g}")
    about = f"{MEASURED[y]} against {ALONG[x]}. " + "; ".join(f"{line.name} {line.text}" for line in series)
    page.drawings["curves"] = line_chart(series, plane, about, "curves", ends[0], ends[1])
    page.context["title"] = f"{MEASURED[y]} against {ALONG[x]}"
    page.context["legend"] = [
        {
            "system": line.name,
            "family": board.families[line.name],
            "n": len(by_system[line.name]),
            "last": f"{line.points[-1][1]:.3f}",
            "spent": quantity(line.points[-1][0]),
            "range": f"{line.band[-1][1]:.3f} to {line.band[-1][2]:.3f}" if line.band else "–",
        }
        for line in series
    ]
    if y == COMPARABLE and x in LEARNING:
        page.context["crossings"] = crossings(site, scope, LEARNING[x], systems, lambda them: along_curves(them, x))
    page.tables["curves"] = lambda: _table(table, x, y)


def _series(system: str, look: Look, curves: Sequence[Curve]) -> Series:
    mean = mean_curve(curves)
    if not len(mean.x):  # seeds that have no x in common
        mean = mean_curve(curves[:1])
    points = tuple(zip(mean.x.tolist(), mean.y.tolist(), strict=True))
    several = len(curves) > 1 and len(mean.x) > 1
    band = tuple(zip(mean.x.tolist(), mean.low.tolist(), mean.high.tolist(), strict=True)) if several else ()
    singles = tuple(tuple(zip(x.tolist(), y.tolist(), strict=True)) for x, y in curves) if several else ()
    text = f"{points[-1][1]:.3f} at {quantity(points[-1][0])}, mean of {many(len(curves), 'seed')}"
    return Series(system, look, points, text, band, singles)


def _from(line: Series, least: float) -> Series:
    """A model that is counted at no cost stands at the left edge of a logarithmic axis."""
    if len(line.points) == 1 and line.points[0][0] <= 0:
        return Series(line.name, line.look, ((least, line.points[0][1]),), line.text)
    return line


def _table(rows: Sequence[tuple[str, int, float, float]], x: str, y: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=["model", "seed", x, y])


def _add_parameters(page: Page, site: Site, board: Board, systems: Sequence[str]) -> None:
    if board.ladder is None:
        return
    dots = []
    for system in systems:
        params, cell = board.line(system, "").num_params, board.cells.get((system, ANY_DECODING, board.ladder))
        if params is not None and cell is not None and cell.estimate.value is not None:
            low, high = cell.estimate.ci_low, cell.estimate.ci_high
            ends = None if low is None or high is None else (low, high)
            look = site.looks().get(board.families[system], Look("c7", "o"))
            tooltip = f"{system}: {quantity(params)} parameters, {estimate_text(cell)}"
            dots.append(Dot(params, cell.estimate.value, look, tooltip, ends=ends, name=system))
    if len(dots) > 1:
        plane = Plane(
            "parameters, logarithmic (0 at the left edge)",
            "test bits per byte",
            True,
            True,
            lambda value: f"{value:.3g}",
        )
        about = "Test bits per byte against parameters. " + "; ".join(dot.text for dot in dots)
        page.drawings["curves"] = scatter(dots, plane, about, "curves")
        page.context["title"] = "test bits per byte against parameters"


def _add_swept(page: Page, site: Site, scope: Scope, choices: Choices, key: str, systems: Sequence[str]) -> None:
    """Each headline along a number that was swept."""
    from harness.report.swept import lines, swept

    comparison, _ = site.numbers.comparison(scope)
    option = next(option for option in swept(comparison) if option.key == key)
    measures = [measure for measure in comparison.headlines if option.changes(comparison, measure)]
    names = [measure.name for measure in measures]
    if not names:
        return
    measure = measures[names.index(choices.picked("measure", names, names[0]))]
    decoding = choices.picked("decoding", comparison.decodings, comparison.best_decoding(measure))
    families = {run.system: run.record.family for run in comparison.results.runs}
    series = []
    for index, line in enumerate(lines(comparison, option, measure, decoding if measure.uses_decoding else None)):
        points = [(value, cell) for value, system, cell in line.points if system in systems and np.isfinite(value)]
        if len(points) < 2:
            continue
        of_families = {families[system] for _, system, _ in line.points}
        look = site.looks()[of_families.pop()] if len(of_families) == 1 else Look(f"c{index % 8}", "o")
        band = [
            (value, cell.estimate.ci_low, cell.estimate.ci_high)
            for value, cell in points
            if cell.estimate.ci_low is not None and cell.estimate.ci_high is not None
        ]
        values = tuple((value, cell.estimate.value or 0.0) for value, cell in points)
        text = ", ".join(f"{quantity(value)}: {estimate_text(cell)}" for value, cell in points)
        series.append(Series(line.name, look, values, text, tuple(band), has_dots=True))
    page.context |= {
        "measures": [(name, words(name)) for name in names],
        "measure": measure.name,
        "legend": [
            {"system": line.name, "family": "", "n": len(line.points), "last": line.text, "spent": "", "range": ""}
            for line in series
        ],
    }
    if series:
        xs = [x for line in series for x, _ in line.points]
        is_log = page.context["scale"] == "log" and min(xs) > 0
        name = measure.metric
        plane = Plane(
            f"{option.axis}{', logarithmic' if is_log else ''}",
            words(name),
            is_log,
            False,
            lambda value: number(value, measure.unit),
        )
        about = f"{words(name)} along {option.axis}. " + "; ".join(f"{line.name} {line.text}" for line in series)
        page.drawings["curves"] = line_chart(series, plane, about, "curves")
        page.context["title"] = f"{words(name)} along {option.axis}"
    if is_budget(option) and measure.is_judged:
        used = decoding if measure.uses_decoding else ANY_DECODING
        axis = f"{option.axis} {measure.name} {used}"
        drawn = [line.name for line in series]
        page.context["crossings"] = crossings(
            site, scope, axis, drawn, lambda them: along_option(them, option, measure, used)
        )
