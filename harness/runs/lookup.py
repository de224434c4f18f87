"""Finding runs on disk. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.common.errors import UserError, closest
from harness.runs.record import CONFIG_FILE, RUN_FILE


def run_folders(results: Path) -> list[Path]:
    """Every run's folder below a results folder, finished or not, by experiment and id."""
    return sorted(path.parent for path in results.glob(f"*/*/{CONFIG_FILE}"))


def find_run(name: str, results: Path) -> Path:
    """The folder of the run with that id, unique prefix or path. UserError where there is none, or more than one."""
    if (Path(name) / CONFIG_FILE).is_file():
        return Path(name)
    folders = run_folders(results)
    exact = [folder for folder in folders if folder.name == name]
    found = exact or [folder for folder in folders if folder.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"{name!r} fits {len(found)} runs: {', '.join(str(folder) for folder in found)}. Give more "
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


def all_runs(results: Path) -> Iterator[tuple[str, str, str, str]]:
    """(id, experiment, status, finished at) of every run; unfinished ones too."""
    if not results.is_dir():
        raise UserError(f"there is no folder {results.resolve()}. Name the one that holds your runs with --results.")
    for folder in run_folders(results):
        try:
            record = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            record = {}
        except ValueError:
            record = {"status": "damaged"}
        yield folder.name, folder.parent.name, record.get("status", "unfinished"), record.get("finished_at", "-")
