"""The first view: experiments, the ladder, what failed and why, and all runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.common.numerals import interval, number, quantity, sign
from harness.dashboard import filters, live
from harness.dashboard.board import Board
from harness.dashboard.charts.intervals import Row, interval_chart
from harness.dashboard.choices import Choices
from harness.dashboard.looks import Look
from harness.dashboard.pages import Page
from harness.dashboard.scope import Scope
from harness.dashboard.site import Site
from harness.dashboard.sweeps import sweeps
from harness.report.changes import change_table
from harness.report.comparison import ANY_DECODING
from harness.report.stages import stage_lines
from harness.report.wording import estimate_text, words
from harness.runs.index import UNFINISHED, UNREADABLE, Entry

if TYPE_CHECKING:
    import pandas as pd

    from harness.dashboard.charts.drawing import Drawing

PAGE_SIZE = 100
_MOST_FAILURES = 50
_SORTS = ("finished", "run", "family", "seconds", "result")


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where an experiment of the address is gone."""
    experiments = site.index.experiments()
    page = Page("/", "overview.html")
    chosen = choices.values("experiment")
    every = [entry for name in chosen for entry in experiments.get(name, [])] if chosen else site.index.entries()
    runs = _sorted(filters.kept(every, choices), choices)
    settings = filters.varying(every)
    group = choices.picked("group", [setting.key for setting in settings], "")
    measures, groups = filters.grouped(runs, group) if group else ([], [])
    page.context |= {
        "experiments": [_experiment(name, entries) for name, entries in experiments.items()],
        "statuses": _statuses(site.index.entries()),
        "board": None,
        "stages": [],
        "changes": None,
        "settings": settings,
        "group": group,
        "group_measures": measures,
        "groups": groups,
        "has_failed_groups": any(group.num_failed for group in groups),
        "runs": [_run_row(entry) for entry in _page_of(runs, choices)],
        "num_runs": len(runs),
        "num_all": len(every),
        "page_size": PAGE_SIZE,
        "number": int(choices.number("page") or 1),
        "num_pages": math.ceil(len(runs) / PAGE_SIZE),
        "failures": [_failure(site, entry) for entry in _failed(runs)[:_MOST_FAILURES]],
        "num_failures": len(_failed(runs)),
        "live": live.summary(every),
        "running": live.running(site.index, every),
        "sweeps": sweeps(site.index.results),
        "sorts": _SORTS,
    }
    page.tables["runs"] = lambda: runs_table(runs)
    if any(entry.has_record for entry in every):
        _add_board(site, choices, page)
    elif chosen:
        site.scope(choices)
    return page


def _add_board(site: Site, choices: Choices, page: Page) -> None:
    scope = site.scope(choices)
    page.context["scope"] = scope
    try:
        board = site.board(scope, choices)
    except UserError as error:
        page.context |= {"board_error": str(error)}
        return
    if board is None:
        page.is_waiting = True
        return
    shown = {entry.id for entry in filters.kept(scope.entries, choices)}
    lines = [line for line in board.lines if shown & set(line.runs)]
    page.context |= {
        "board": board,
        "headlines": [board.column(index, _compare_address(board, index, choices)) for index in board.headlines],
        "lines": [(line, [board.table_cell(line, index) for index in board.headlines]) for line in lines],
    }
    page.context["looks"] = site.looks()
    if board.ladder is not None and (
        drawing := ladder(
            board, [line.system for line in lines], site, (choices.number("x_from"), choices.number("x_to"))
        )
    ):
        page.drawings["ladder"] = drawing
    page.tables["summary"] = lambda: summary_table(board)
    systems = {line.system for line in lines}
    if stages := [row for row in board.stages if row["model"] in systems]:
        page.context["stages"] = stage_lines(stages)
        page.tables["stages"] = lambda: stages_table(board)
        _add_changes(page, site, scope, board, choices)


def _add_changes(page: Page, site: Site, scope: Scope, board: Board, choices: Choices) -> None:
    """What the models with stages were before."""
    try:
        changed = site.changes(scope, choices)
    except UserError as error:
        page.context["why_no_changes"] = str(error)
        return
    if changed is None:
        page.is_waiting = True
        return
    page.context["changes"] = change_table(changed, [board.measures[index] for index in board.headlines])
    page.tables["changes"] = lambda: changed


def ladder(
    board: Board, systems: Sequence[str], site: Site, part: tuple[float | None, float | None] = (None, None)
) -> Drawing | None:
    """Bits per byte by system, the worst first; None where nothing was measured. part: the ends of what is shown."""
    assert board.ladder is not None
    looks, rows = site.looks(), []
    for system in dict.fromkeys(systems):
        cell = board.cells.get((system, ANY_DECODING, board.ladder))
        if cell is not None and cell.estimate.value is not None:
            ends = cell.estimate.ci_low, cell.estimate.ci_high
            span = None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
            look = looks.get(board.families[system], Look("c7", "o"))
            rows.append(Row(system, look, cell.estimate.value, span, estimate_text(cell), cell.per_seed))
    if not rows:
        return None
    about = "Test bits per byte, worst first: " + "; ".join(f"{row.name} {row.text}" for row in rows)
    label = "test bits per byte, logarithmic (← better)"
    return interval_chart(rows, label, about, "ladder", is_log=True, in_words=lambda value: f"{value:g}", ends=part)


def _compare_address(board: Board, index: int, choices: Choices) -> str:
    measure = board.measures[index]
    return choices.changed(eval=measure.eval, metric=measure.metric).address("/compare")


def summary_table(board: Board) -> pd.DataFrame:
    """One row a system, decoding strategy and measure: what the headline table shows, and all other measures."""
    import pandas as pd

    rows = []
    for (system, decoding, index), cell in board.cells.items():
        measure, estimate = board.measures[index], cell.estimate
        row: dict[str, Any] = {"family": board.families[system], "model": system, "decoding": decoding}
        row |= {"eval": measure.eval, "metric": measure.metric, "unit": measure.unit, "value": estimate.value}
        row |= {"ci_low": estimate.ci_low, "ci_high": estimate.ci_high, "n": estimate.n, "n_total": estimate.n_total}
        rows.append(row | {"num_seeds": len(cell.seeds), "reason": estimate.reason})
    return pd.DataFrame(rows)


def stages_table(board: Board) -> pd.DataFrame:
    """One row a stage of a system, as in a report's stages.csv."""
    import pandas as pd

    return pd.DataFrame(board.stages)


def runs_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """One row a run."""
    import pandas as pd

    rows = []
    for entry in entries:
        row: dict[str, Any] = {
            name: getattr(entry, name)
            for name in ("experiment", "run_id", "status", "family", "model", "decoding", "seed", "finished_at")
        }
        row |= {"num_params": entry.num_params, "train_seconds": entry.seconds, "error": entry.why}
        row |= {f"{h.eval}.{h.metric}": h.value for h in entry.headlines}
        rows.append(row)
    return pd.DataFrame(rows)


def _experiment(name: str, entries: Sequence[Entry]) -> dict[str, Any]:
    families = sorted({entry.family for entry in entries if entry.family})
    return {
        "name": name,
        "num_runs": len(entries),
        "counts": Counter(entry.status for entry in entries),
        "families": families,
        "finished_at": max((entry.finished_at for entry in entries), default="")[:16].replace("T", " "),
    }


def _statuses(entries: Sequence[Entry]) -> list[str]:
    """Those that some run has: a column each."""
    known = {entry.status for entry in entries}
    return [status for status in ("complete", "partial", "failed", UNFINISHED, UNREADABLE) if status in known]


def _sorted(runs: list[Entry], choices: Choices) -> list[Entry]:
    by = choices.picked("sort", _SORTS, "finished")
    if by == "run":
        return sorted(runs, key=lambda entry: entry.id)
    if by == "family":
        return sorted(runs, key=lambda entry: (entry.family, entry.id))
    if by == "seconds":
        return sorted(runs, key=lambda entry: -(entry.seconds or 0))
    if by == "result":
        return sorted(runs, key=lambda entry: _first_value(entry))
    return runs


def _first_value(entry: Entry) -> float:
    value = entry.headlines[0].value if entry.headlines else None
    return math.inf if value is None else value


def _page_of(runs: Sequence[Entry], choices: Choices) -> Sequence[Entry]:
    first = (max(1, int(choices.number("page") or 1)) - 1) * PAGE_SIZE
    return runs[first : first + PAGE_SIZE]


def _run_row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "experiment": entry.experiment,
        "run_id": entry.run_id,
        "status": entry.status,
        "num_notes": entry.num_notes,
        "family": entry.family,
        "decoding": entry.decoding,
        "seed": "" if entry.seed is None else entry.seed,
        "parameters": quantity(entry.num_params),
        "seconds": quantity(entry.seconds),
        "result": _headline_text(entry),
        "finished_at": entry.finished_at[:16].replace("T", " "),
    }


def _headline_text(entry: Entry) -> str:
    if not entry.headlines or entry.headlines[0].value is None:
        return "–"
    first = entry.headlines[0]
    ends = interval(first.ci_low, first.ci_high, first.unit)
    return f"{number(first.value, first.unit)}{sign(first.unit)} {ends}".rstrip() + f" {words(first.metric)}"


def _failed(runs: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in runs if entry.status in ("failed", "partial", UNREADABLE)]


def _failure(site: Site, entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, "status": entry.status, "why": entry.why, "parts": tracebacks(site, entry)}


def tracebacks(site: Site, entry: Entry) -> list[tuple[str, str, str]]:
    """(where, error, traceback) of each part of a run that failed; none where the record can't be read."""
    from harness.runs.record import RunRecord

    if not entry.has_record or entry.status == "complete":
        return []
    try:
        record = RunRecord.read(site.index.folder(entry))
    except (UserError, OSError):
        return []
    return [(failure.where, failure.error, failure.traceback) for failure in record.errors]
