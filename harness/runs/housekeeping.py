"""What results take on the disk, and what goes when runs are removed. Needs no torch.

A run's fit, the fits before its stages, its answers and its scores are shared with other runs, and fits with trials of
`bakeoff tune`. They go with the last one that needs them; with a fit go the ratings of what it wrote and the preference
models that learnt from these. What people rated stays.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.common.claims import Claim
from harness.common.errors import UserError
from harness.common.plurals import many
from harness.common.results_folder import (
    CLAIM_FILE,
    FIT_FILE,
    PREFERENCE_FILE,
    RESERVED,
    RUN_FILE,
    ResultsFolder,
    folders_in,
    is_finished,
    runs_in,
)
from harness.common.sealed import Damaged, read_object
from harness.ratings.bank import ABOUT_FILE as BANK_FILE
from harness.ratings.bank import Bank
from harness.runs.record import RunRecord
from harness.runs.tuning.trials import TRIALS_FILE, TUNING_FOLDER, kept
from harness.training.fit_folder import fit_digest

_ENTRIES = {
    "fits": "fit",
    "answers": "fit",
    "splits": "split",
    "sweeps": "sweep",
    "ratings": "bank",
    "preferences": "preference model",
}
"""What each entry of a folder that experiments share belongs to."""


@dataclass(frozen=True)
class Item:
    """A file or folder of a results folder."""

    path: Path
    kind: str
    """'run', 'fit', 'answers', 'scores', 'ratings', 'preference model'; 'folder' or 'file' for what else is in an
    experiment's folder."""
    num_bytes: int


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def usage(results: Path) -> list[tuple[str, str, int]]:
    """Name, content (as '3 runs') and bytes of every experiment, and of each folder that experiments share. UserError
    where there is no such folder."""
    if not results.is_dir():
        raise UserError(f"there is no folder {results}. Name a results folder.")
    rows = [(folder.name, many(len(runs_in(folder)), "run"), size(folder)) for folder in folders_in(results)]
    shared = [results / name for name in RESERVED if (results / name).is_dir()]
    return [*rows, *((folder.name, _content(folder), size(folder)) for folder in shared)]


def _content(folder: Path) -> str:
    """What a folder that experiments share holds, as '2 fits'."""
    noun = _ENTRIES.get(folder.name)
    if noun is None:
        return many(sum(1 for path in folder.rglob("*") if path.is_file()), "file")
    return many(sum(1 for _ in folder.iterdir()), noun)


def is_experiment(folder: Path, results: ResultsFolder) -> bool:
    """Whether a folder is that of an experiment: it holds runs, or the trials of `bakeoff tune`."""
    is_there = results.path.is_dir() and folder in folders_in(results.path)
    return is_there and bool(runs_in(folder) or (folder / TUNING_FOLDER / TRIALS_FILE).is_file())


def removable(runs: Iterable[Path], results: ResultsFolder, experiments: Collection[Path] = ()) -> list[Item]:
    """The runs and all that is in the experiments' folders, and the fits, answers and scores that no other run and no
    trial of another experiment needs.

    A fit that neither a record nor a trial names, as a member of a mixture, stays. UserError where one of the runs is
    being done now.
    """
    going = sorted({*runs, *(run for folder in experiments for run in runs_in(folder))})
    for run in going:
        claim = Claim(run / CLAIM_FILE)
        if not claim.take():
            raise UserError(f"{run} is being done now, so it isn't removed. Stop it first, or wait.")
        claim.release()
    others = [run for run in results.runs() if run.resolve() not in {path.resolve() for path in going}]
    records, kept_records = _records(going), _records(others)
    kept_fits = {fit for record in kept_records for fit in (record.fit_id, *record.recipes)}
    kept_fits |= _fits_of_trials(folder for folder in folders_in(results.path) if folder not in experiments)
    kept_fits |= {before for fit in kept_fits for before in _before(fit, results)}
    fits = {record.fit_id for record in records} | _fits_of_trials(experiments)
    fits |= {before for fit in fits for before in _before(fit, results)}
    fits -= kept_fits
    kept_answers = {(record.fit_id, record.decoding_id) for record in kept_records}
    items = [Item(run, "run", size(run)) for run in going]
    beside = (path for folder in experiments for path in sorted(folder.iterdir()) if path not in going)
    items += [Item(path, "folder" if path.is_dir() else "file", size(path)) for path in beside]
    items += [Item(path, "fit", size(path)) for fit in sorted(fits) if (path := results.fit(fit)).is_dir()]
    items += [Item(path, "answers", size(path)) for fit in sorted(fits) if (path := results.answers(fit)).is_dir()]
    for fit, decoding in sorted({(record.fit_id, record.decoding_id) for record in records} - kept_answers):
        path = results.answers_under(fit, decoding)
        if fit not in fits and path.is_file():
            items.append(Item(path, "answers", size(path)))
    return items + _scores_of(fits, results) + _learnt_from(fits, results)


def _before(fit: str, results: ResultsFolder) -> list[str]:
    """The fits that stages of post-training made a fit out of; none where a stage failed, so that there is no fit."""
    line: list[str] = []
    while True:
        try:
            facts = read_object(results.fit(line[-1] if line else fit) / FIT_FILE, "a fit")
        except (Damaged, FileNotFoundError):
            return line
        before = facts.get("before")
        if not isinstance(before, dict) or (name := str(before.get("fit_id"))) in line:
            return line
        line.append(name)


def _learnt_from(fits: Collection[str], results: ResultsFolder) -> list[Item]:
    """The ratings of what fits wrote, but those of people, and the preference models that learnt from them."""
    banks = [
        folder
        for folder in (sorted(results.ratings.iterdir()) if results.ratings.is_dir() else ())
        if (folder / BANK_FILE).is_file() and Bank(folder).about().get("writer") in fits
    ]
    names = {bank.name for bank in banks}
    models = []
    for folder in sorted(results.preferences.iterdir()) if results.preferences.is_dir() else ():
        try:
            facts = read_object(folder / PREFERENCE_FILE, "a preference model").get("facts")
        except (Damaged, FileNotFoundError):
            continue
        if isinstance(facts, dict) and facts.get("bank") in names:
            models.append(folder)
    items = [Item(bank, "ratings", size(bank)) for bank in banks]
    return items + [Item(model, "preference model", size(model)) for model in models]


def _fits_of_trials(experiments: Iterable[Path]) -> set[str]:
    """The ids of the fits that trials of these experiments made."""
    trials = [trial for folder in experiments for trial in kept(folder / TUNING_FOLDER)]
    return {trial.fit_id for trial in trials if trial.fit_id is not None}


def _records(runs: Iterable[Path]) -> list[RunRecord]:
    """The records that can be read."""
    records = []
    for run in runs:
        if is_finished(run):
            try:
                records.append(RunRecord.read(run))
            except UserError:
                continue
    return records


def _scores_of(fits: Iterable[str], results: ResultsFolder) -> list[Item]:
    """The scores of fits, with their seals."""
    digests = set()
    for fit in fits:
        try:
            digests.add(fit_digest(results.fit(fit)))
        except Damaged:
            continue
    items = []
    for seal in sorted(results.scores("any").parent.glob("*.json")):
        try:
            of_fit = read_object(seal, "scores").get("fit")
        except Damaged:
            continue
        if of_fit in digests:
            items += [
                Item(path, "scores", size(path)) for path in (seal, seal.with_suffix(".parquet")) if path.exists()
            ]
    return items


def remove(items: Iterable[Item]) -> None:
    """Delete; what is finished is unmarked first, so an interruption leaves no run that looks whole."""
    for item in items:
        if item.path.is_dir():
            for mark in (item.path / RUN_FILE, item.path / FIT_FILE):
                mark.unlink(missing_ok=True)
            shutil.rmtree(item.path, ignore_errors=True)
        else:
            item.path.unlink(missing_ok=True)
