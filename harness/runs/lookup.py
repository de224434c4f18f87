"""Finding runs, and the fits that they scored, on disk. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.common.errors import UserError, closest
from harness.common.results_folder import FIT_FILE, ResultsFolder, is_finished, is_run
from harness.common.sealed import Damaged
from harness.runs.record import RunRecord, command_again
from harness.training.fit_folder import fit_facts


def find_run(name: str, results: Path) -> Path:
    """The folder of a run. name: its path, its id, or the beginning of its id; the last two also as EXPERIMENT/ID.

    UserError where there is no such run, or more than one.
    """
    if name and is_run(Path(name)):
        return Path(name)
    folders = ResultsFolder(results).runs() if results.is_dir() else []
    experiment, _, run_id = name.rpartition("/")
    candidates = [folder for folder in folders if folder.parent.name == experiment] if experiment else folders
    exact = [folder for folder in candidates if folder.name == run_id]
    matching = exact or [folder for folder in candidates if folder.name.startswith(run_id)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UserError(
            f"{name!r} fits {len(matching)} runs: {', '.join(str(folder) for folder in matching)}. Give more "
            f"of the id, the experiment too ({matching[0].parent.name}/{run_id}), or the folder."
        )
    if not folders:
        raise UserError(
            f"no run {name!r}: {results.resolve()} holds no runs. Make one with `bakeoff run`, or name "
            "the folder with --results."
        )
    names = [f"{folder.parent.name}/{folder.name}" if experiment else folder.name for folder in folders]
    raise UserError(
        f"no run {name!r} in {results.resolve()}.{closest(name, names)} `bakeoff list runs` shows all {len(names)}."
    )


def find_fit(name: str, results: Path) -> Path:
    """The folder of a fit, with nothing missing or damaged: of the one with that id, else of the one that the run of
    that id, unique prefix or path scored, beside the run in whatever results folder it lies.

    UserError where there is no such run, or the fit is damaged: it names the command that makes it anew.
    """
    by_id = ResultsFolder(results).fit(name)
    run = None if name and (by_id / FIT_FILE).is_file() else find_run(name, results)
    folder = by_id if run is None else ResultsFolder.around(run).fit(RunRecord.read(run).fit_id)
    try:
        fit_facts(folder)
    except Damaged as error:
        run = run or _run_over(name, results)
        raise error if run is None else error.mended_by(command_again(run)) from None
    return folder


def _run_over(fit_id: str, results: Path) -> Path | None:
    """The folder of some run that scored a fit."""
    for run in ResultsFolder(results).runs():
        try:
            if RunRecord.read(run).fit_id == fit_id:
                return run
        except UserError:
            continue
    return None


def all_runs(results: Path) -> Iterator[tuple[str, str, str, str]]:
    """(id, experiment, status, finished at) of every run; unfinished ones too."""
    if not results.is_dir():
        raise UserError(f"there is no folder {results.resolve()}. Name the one that holds your runs with --results.")
    for folder in ResultsFolder(results).runs():
        status, finished_at = "unfinished", "-"
        if is_finished(folder):
            try:
                record = RunRecord.read(folder)
                status, finished_at = record.status, record.finished_at
            except UserError:
                status = "damaged"
        yield folder.name, folder.parent.name, status, finished_at
