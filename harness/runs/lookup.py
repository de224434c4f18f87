"""Finding runs, and the fits that they scored, on disk. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.common.errors import UserError, closest
from harness.common.results_folder import FIT_FILE, RUN_FILE, ResultsFolder, is_run
from harness.runs.record import RunRecord


def find_run(name: str, results: Path) -> Path:
    """The folder of the run with that id, unique prefix or path. UserError where there is none, or more than one."""
    if name and is_run(Path(name)):
        return Path(name)
    folders = ResultsFolder(results).runs() if results.is_dir() else []
    exact = [folder for folder in folders if folder.name == name]
    matching = exact or [folder for folder in folders if folder.name.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UserError(
            f"{name!r} fits {len(matching)} runs: {', '.join(str(folder) for folder in matching)}. Give more "
            "of the id, or the folder."
        )
    if not folders:
        raise UserError(
            f"no run {name!r}: {results.resolve()} holds no runs. Make one with `bakeoff run`, or name "
            "the folder with --results."
        )
    names = [folder.name for folder in folders]
    raise UserError(
        f"no run {name!r} in {results.resolve()}.{closest(name, names)} `bakeoff list runs` shows all {len(names)}."
    )


def find_fit(name: str, results: Path) -> Path:
    """The folder of a fit: of the one with that id, else of the one that the run of that id, unique prefix or path
    scored, beside the run in whatever results folder it lies. UserError where there is no such run."""
    by_id = ResultsFolder(results).fit(name)
    if name and (by_id / FIT_FILE).is_file():
        return by_id
    run = find_run(name, results)
    return ResultsFolder.around(run).fit(RunRecord.read(run).fit_id)


def recipe_of(fit: Path) -> str:
    """What the fit in a folder is but for its seed. UserError where the folder does not say it."""
    try:
        return str(json.loads((fit / FIT_FILE).read_text(encoding="utf-8"))["recipe"])
    except (KeyError, ValueError):
        raise UserError(
            f"{fit / FIT_FILE} does not say what was fitted: it is damaged, or an earlier bakeoff wrote it. Delete the "
            "folder, and run the command again that made it."
        ) from None


def all_runs(results: Path) -> Iterator[tuple[str, str, str, str]]:
    """(id, experiment, status, finished at) of every run; unfinished ones too."""
    if not results.is_dir():
        raise UserError(f"there is no folder {results.resolve()}. Name the one that holds your runs with --results.")
    for folder in ResultsFolder(results).runs():
        try:
            record = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            record = {}
        except ValueError:
            record = {"status": "damaged"}
        yield folder.name, folder.parent.name, record.get("status", "unfinished"), record.get("finished_at", "-")
