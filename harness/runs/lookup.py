"""Finds runs on disk, and the fits that they used. Needs no torch."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from harness.common.errors import UserError, closest
from harness.common.results_folder import FIT_FILE, RUN_FILE, ResultsFolder, is_finished, is_run
from harness.common.sealed import Damaged
from harness.evaluation.metric import LADDER_METRIC
from harness.runs.record import RunRecord, command_again
from harness.training.fit_folder import fit_facts

LATEST, BEST = "@latest", "@best"
_SHOWN = 5  # runs in a message


def find_run(name: str, results: Path) -> Path:
    """The folder of a run. name: its path, its id, or the beginning of its id; '@latest' for the run that finished
    last; '@best' for the run with the fewest bits per byte. EXPERIMENT/ID or EXPERIMENT/@latest looks in one
    experiment.

    UserError where there is no such run, or more than one.
    """
    if name and is_run(Path(name)):
        return Path(name)
    folders = ResultsFolder(results).runs() if results.is_dir() else []
    experiment, _, run_id = name.rpartition("/")
    if not run_id:
        raise UserError(
            f"the name of the run is empty (got {name!r}). Give the beginning of a run's id, "
            f"{f'{experiment}/' if experiment else ''}{LATEST}, or a run's folder. `bakeoff list runs` shows all runs."
        )
    candidates = [folder for folder in folders if folder.parent.name == experiment] if experiment else folders
    if candidates and run_id in (LATEST, BEST):
        return _chosen(candidates, run_id)
    exact = [folder for folder in candidates if folder.name == run_id]
    matching = exact or [folder for folder in candidates if folder.name.startswith(run_id)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        several = len({folder.parent for folder in matching}) > 1
        shown = ", ".join(map(str, matching[:_SHOWN])) + (", ..." if len(matching) > _SHOWN else "")
        with_experiment = f", the experiment too ({matching[0].parent.name}/{run_id})" if several else ""
        raise UserError(
            f"{name!r} matches {len(matching)} runs: {shown}. Give more of the "
            f"id{with_experiment}, or the folder. `bakeoff list runs` shows how they differ."
        )
    if not folders:
        raise UserError(
            f"no run {name!r}: {results.resolve()} holds no runs. Make one with `bakeoff run`, or name "
            "the folder with --results."
        )
    if any(folder.parent.name == name for folder in folders):
        raise UserError(f"{name!r} is an experiment. Name one of its runs, as {name}/{LATEST}.")
    names = [f"{folder.parent.name}/{folder.name}" if experiment else folder.name for folder in folders]
    choices = [f"{experiment}/{choice}" if experiment else choice for choice in (LATEST, BEST) if candidates]
    raise UserError(
        f"no run {name!r} in {results.resolve()}.{closest(name, [*names, *choices])} `bakeoff list runs` shows all "
        f"{len(names)}."
    )


def is_named(name: str, results: Path) -> bool:
    """Whether a name is that of one run, as in `find_run`."""
    try:
        find_run(name, results)
    except UserError:
        return False
    return True


def _chosen(folders: Sequence[Path], choice: str) -> Path:
    """The latest or the best of some runs."""
    finished: list[tuple[RunRecord, Path]] = []
    for folder in filter(is_finished, folders):
        with contextlib.suppress(UserError):  # damaged runs are left out
            finished.append((RunRecord.read(folder), folder))
    finished.sort(key=lambda run: (run[0].finished_at, (run[1] / RUN_FILE).stat().st_mtime_ns))
    if not finished:
        raise UserError(f"{choice}: none of the {len(folders)} runs is finished. `bakeoff list runs` shows them.")
    if choice == LATEST:
        return finished[-1][1]
    measured = [
        (metric.value, record, folder)
        for record, folder in reversed(finished)  # of equals, the latest
        for metric in record.headlines()
        if metric.metric == LADDER_METRIC and metric.value is not None
    ]
    texts = {record.data.get("fingerprint") for _, record, _ in measured}
    if not measured:
        raise UserError(
            f"{choice} picks the run with the fewest bits per byte, but no run measured them. Name a run, or ask "
            "perplexity (evals=[perplexity])."
        )
    if len(texts) > 1:
        raise UserError(
            f"{choice} picks the run with the fewest bits per byte, but these runs measured them on {len(texts)} "
            f"different texts. Name an experiment, as families/{choice}, or a run."
        )
    return min(measured, key=lambda run: run[0])[2]


def find_fit(name: str, results: Path) -> Path:
    """The folder of a fit, checked for damage. name: the fit's id, or a run as in `find_run`: then the fit that it
    used, in the run's own results folder.

    UserError where there is no such run, where it has no fit because it failed, or where the fit is damaged: the
    message names the command that makes it again.
    """
    folder, run = ResultsFolder(results).fit(name), None
    if not (name and (folder / FIT_FILE).is_file()):
        run = find_run(name, results)
        record = RunRecord.read(run)
        folder = ResultsFolder.around(run).fit(record.fit_id)
        ResultsFolder.around(run).check(record.fit_id)
        if record.status == "failed" and not (folder / FIT_FILE).exists():
            raise UserError(
                f"{record.run_id} failed, so it has no fitted model ({record.error}). Remove the cause, and run it "
                f"again with `{command_again(run)}`, or name another run."
            )
    try:
        fit_facts(folder)
    except Damaged as error:
        run = run or _run_over(name, results)
        raise error if run is None else error.mended_by(command_again(run)) from None
    return folder


def _run_over(fit_id: str, results: Path) -> Path | None:
    """The folder of a run that used the fit; None where there is none."""
    for run in ResultsFolder(results).runs():
        try:
            if RunRecord.read(run).fit_id == fit_id:
                return run
        except UserError:
            continue
    return None
