"""Turn-taking: whether models know where a turn ends, whether they hand it back, and transcripts where they don't."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.common.errors import UserError
from harness.dashboard import filters
from harness.dashboard.board import Board
from harness.dashboard.charts.intervals import Row, interval_chart
from harness.dashboard.charts.lines import Series, line_chart
from harness.dashboard.charts.points import Plane
from harness.dashboard.charts.scales import tick_text
from harness.dashboard.choices import Choices
from harness.dashboard.looks import Look
from harness.dashboard.pages import Page
from harness.dashboard.sample_rows import sample_rows, values_of
from harness.dashboard.samples import answered, first_seed
from harness.dashboard.scope import Scope
from harness.dashboard.site import Site
from harness.dashboard.transcripts import dialogue
from harness.evaluation.rows import parsed
from harness.report.wording import estimate_text, words

if TYPE_CHECKING:
    import pandas as pd

HANDED_BACK = "handed_back"
RUNAWAY = "wrote_for_the_other"
_PAGE_SIZE = 8


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where an experiment of the address is gone."""
    page = Page("/turns", "turns.html", {"board": None, "forecasts": [], "tables": []})
    scope = site.scope(choices)
    page.context |= {"scope": scope, "settings": filters.varying(scope.entries)}
    board = site.board(scope, choices)
    if board is None:
        page.is_waiting = True
        return page
    shown = {entry.id for entry in filters.kept(scope.entries, choices)}
    lines = [line for line in board.lines if shown & set(line.runs)]
    pinned = {*choices.values("pin"), *choices.values("base")}
    lines = [line for line in lines if not pinned or line.system in pinned]
    systems = list(dict.fromkeys(line.system for line in lines))
    page.context |= {"board": board, "looks": site.looks(), "pinned": choices.values("pin"), "systems": board.systems}
    eval_name = next((measure.eval for measure in board.measures if measure.metric == HANDED_BACK), "")
    page.context["eval"] = eval_name
    page.context["forecasts"] = _add_forecasts(page, site, scope, board, systems)
    if eval_name:
        _add_measures(page, site, board, eval_name, lines, choices)
        _add_transcripts(page, site, choices, board, eval_name, lines)
    page.context["nothing"] = not eval_name and not page.context["forecasts"]
    return page


def _add_forecasts(page: Page, site: Site, scope: Scope, board: Board, systems: Sequence[str]) -> list[dict[str, Any]]:
    """Draw the calibration and the probability by position of each forecast."""
    from harness.report.forecasts import forecasts

    kept = site.numbers.kept.get("forecasts", scope.key)
    if kept is None:
        comparison, _ = site.numbers.comparison(scope)
        kept = site.numbers.kept.put("forecasts", scope.key, forecasts(comparison))
    shown = []
    for index, forecast in enumerate(kept):
        event = words(forecast["event"])
        shown_forecast: dict[str, Any] = {"event": event, "calibration": "", "hazard": "", "rows": []}
        calibrations = _series(site, board, forecast["calibration"], systems)
        percent = Plane(
            f"probability given to a {event}, %",
            "share that happened, %",
            in_words=lambda value: f"{value:g}",
            is_root=True,
        )
        if calibrations:
            shown_forecast["calibration"] = f"calibration{index or ''}"
            about = f"Calibration of the probability of a {event}: share that happened against probability given."
            page.drawings[shown_forecast["calibration"]] = line_chart(
                calibrations, percent, about, shown_forecast["calibration"], diagonal=True
            )
        positions = _series(site, board, forecast["positions"], systems, across=1.0)
        if positions and len(positions[0].points) > 1:
            shown_forecast["hazard"] = f"hazard{index or ''}"
            real = [(x, 100 * y) for x, y in forecast["happened"]]
            positions.append(
                Series("what happened", Look("ink", "s"), tuple(real), "real turns", has_dots=True, is_dashed=True)
            )
            plane = Plane(
                "characters into the turn", f"probability of a {event}, %", in_words=lambda value: f"{value:g}"
            )
            about = f"Mean probability of a {event} by position in the turn; dashed: how often it happened."
            page.drawings[shown_forecast["hazard"]] = line_chart(positions, plane, about, shown_forecast["hazard"])
        shown_forecast["rows"] = [
            (system, board.families[system], [f"{100 * given:.3g} → {100 * share:.3g}" for given, share in curve])
            for system, curve in forecast["calibration"].items()
            if system in systems
        ]
        shown.append(shown_forecast)
    page.tables["forecasts"] = lambda: forecasts_table(kept)
    return shown


def _series(
    site: Site, board: Board, by_system: dict[str, list[list[float]]], systems: Sequence[str], across: float = 100.0
) -> list[Series]:
    looks = site.looks()
    series = []
    for system in (system for system in board.systems if system in systems and by_system.get(system)):
        points = tuple((across * x, 100 * y) for x, y in by_system[system])
        text = ", ".join(f"{x:.3g}: {y:.3g}" for x, y in points)
        series.append(Series(system, looks.get(board.families[system], Look("c7", "o")), points, text, has_dots=True))
    return series


def forecasts_table(kept: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row a point of each chart."""
    import pandas as pd

    rows = [
        (forecast["eval"], forecast["event"], kind, system, x, y)
        for forecast in kept
        for kind in ("calibration", "positions")
        for system, points in forecast[kind].items()
        for x, y in points
    ]
    return pd.DataFrame(rows, columns=["eval", "event", "chart", "model", "x", "y"])


def _add_measures(page: Page, site: Site, board: Board, eval_name: str, lines: Sequence[Any], choices: Choices) -> None:
    """A table of all of the eval's measures, and the share that handed back as a chart."""
    indexes = [
        index for index, measure in enumerate(board.measures) if measure.eval == eval_name and measure.baseline is None
    ]
    page.context["measures"] = [board.column(index) for index in indexes]
    page.context["lines"] = [(line, [board.table_cell(line, index) for index in indexes]) for line in lines]
    page.tables["measures"] = lambda: _measures_table(board, indexes, lines)
    page.context["charts"] = []
    for metric in (HANDED_BACK, RUNAWAY):
        index = board.index_of(eval_name, metric)
        rows = [row for line in lines if index is not None and (row := _row(site, board, line, index)) is not None]
        if rows:
            name = words(metric)
            about = f"{name}: " + "; ".join(f"{row.name} {row.text}" for row in rows)
            page.drawings[metric] = interval_chart(rows, f"{name}, %", about, metric, in_words=tick_text("share"))
            page.context["charts"].append((metric, name, board.descriptions[index or 0]))


def _row(site: Site, board: Board, line: Any, index: int) -> Row | None:
    cell = board.cells.get((line.system, line.decoding, index))
    if cell is None or cell.estimate.value is None:
        return None
    low, high = cell.estimate.ci_low, cell.estimate.ci_high
    ends = None if low is None or high is None else (low, high)
    name = f"{line.system} {line.decoding}" if len(board.decodings) > 1 else line.system
    look = site.looks().get(line.family, Look("c7", "o"))
    return Row(name, look, cell.estimate.value, ends, f"{estimate_text(cell)} %", cell.per_seed)


def _measures_table(board: Board, indexes: Sequence[int], lines: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for line in lines:
        for index in indexes:
            cell = board.cells.get((line.system, line.decoding, index))
            estimate = cell.estimate if cell is not None else None
            rows.append(
                {
                    "model": line.system,
                    "decoding": line.decoding,
                    "metric": board.measures[index].metric,
                    "value": estimate.value if estimate else None,
                    "ci_low": estimate.ci_low if estimate else None,
                    "ci_high": estimate.ci_high if estimate else None,
                    "n": estimate.n if estimate else 0,
                }
            )
    return pd.DataFrame(rows)


def _add_transcripts(
    page: Page, site: Site, choices: Choices, board: Board, eval_name: str, lines: Sequence[Any]
) -> None:
    """Transcripts of one model where a measure is as chosen: at first those that did not hand the turn back."""
    options = [(f"{line.system} {line.decoding}", line) for line in reversed(answered(site, lines) or lines)]
    if not options:
        return
    names = [name for name, _ in options]
    chosen = choices.picked("of", names, names[0])
    line = dict(options)[chosen]
    entry = site.run(first_seed(site, board, line.system, line.decoding))
    page.context |= {
        "options": [(name, name) for name in names],
        "of": chosen,
        "transcripts": [],
        "num_found": 0,
        "num_all": 0,
    }
    page.context |= {"metrics": [], "metric": "", "is": "no", "number": 1, "num_pages": 0, "entry": entry}
    try:
        rows = sample_rows(site, entry, eval_name)
    except UserError as error:
        page.context["damaged"] = str(error)
        return
    metrics = [name for name in _yes_or_no(rows) if not name.startswith("real_")]
    metric = choices.picked("metric", metrics, HANDED_BACK if HANDED_BACK in metrics else next(iter(metrics), ""))
    wanted = choices.picked("is", ["yes", "no"], "no")
    if not metric:
        return
    values = values_of(rows, metric)
    chosen_rows = np.flatnonzero(values == (1.0 if wanted == "yes" else 0.0))
    number = max(1, int(choices.number("page") or 1))
    transcripts = []
    for row_number in chosen_rows[(number - 1) * _PAGE_SIZE : number * _PAGE_SIZE]:
        row = rows.iloc[int(row_number)]
        sample_values = parsed(row["values"])
        transcripts.append(
            {
                "id": str(rows.index[int(row_number)]),
                "dialogue": dialogue(entry, str(row["prompt"])[-6000:], str(row["answer"])[:6000], sample_values),
                "prompt": str(row["prompt"])[-2000:],
                "answer": str(row["answer"])[:6000],
                "true": [words(name) for name in metrics if sample_values.get(name) == 1],
            }
        )
    page.context |= {
        "transcripts": transcripts,
        "num_found": len(chosen_rows),
        "num_all": int((~np.isnan(values)).sum()),
        "metrics": [(name, words(name)) for name in metrics],
        "metric": metric,
        "is": wanted,
        "number": number,
        "num_pages": math.ceil(len(chosen_rows) / _PAGE_SIZE),
    }


def _yes_or_no(rows: pd.DataFrame) -> list[str]:
    """The measures that are 0 or 1 in every sample, or missing."""
    values: dict[str, set[object]] = {}
    for cell in rows["values"]:
        for name, value in parsed(cell).items():
            values.setdefault(name, set()).add(value)
    return [name for name, seen in values.items() if seen - {None} and seen <= {0, 1, None}]
