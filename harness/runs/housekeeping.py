"""What results take on the disk, and what goes when runs are removed. Needs no torch.

A run's fit, its answers and its scores are shared with other runs. They go with the last run that needs them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.common.claims import Claim
from harness.common.errors import UserError
from harness.common.plurals import many
from harness.common.results_folder import (
    CLAIM_FILE,
    FIT_FILE,
    RESERVED,
    RUN_FILE,
    ResultsFolder,
    folders_in,
    is_finished,
    runs_in,
)
from harness.common.sealed import Damaged, read_object
from harness.runs.record import RunRecord
from harness.training.fit_folder import fit_digest

_ENTRIES = {"fits": "fit", "answers": "fit", "splits": "split", "sweeps": "sweep"}
"""What each entry of a folder that experiments share belongs to."""


@dataclass(frozen=True)
class Item:
    """A file or folder of a results folder."""

    path: Path
    kind: str
    """'run', 'fit', 'answers', 'scores', ..."""
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


def removable(runs: Iterable[Path], results: ResultsFolder) -> list[Item]:
    """The runs, and the fits, answers and scores that no other run of the results folder needs.

    A fit that a record doesn't name, as a member of a mixture or a trial of `bakeoff tune`, stays. UserError where one
    of the runs is being done now.
    """
    going = sorted(set(runs))
    for run in going:
        claim = Claim(run / CLAIM_FILE)
        if not claim.take():
            raise UserError(f"{run} is being done now, so it isn't removed. Stop it first, or wait.")
        claim.release()
    others = [run for run in results.runs() if run.resolve() not in {path.resolve() for path in going}]
    records, kept = _records(going), _records(others)
    kept_fits = {fit for record in kept for fit in (record.fit_id, *record.recipes)}
    fits = {record.fit_id for record in records} - kept_fits
    kept_answers = {(record.fit_id, record.decoding_id) for record in kept}
    items = [Item(run, "run", size(run)) for run in going]
    items += [Item(path, "fit", size(path)) for fit in sorted(fits) if (path := results.fit(fit)).is_dir()]
    items += [Item(path, "answers", size(path)) for fit in sorted(fits) if (path := results.answers(fit)).is_dir()]
    for fit, decoding in sorted({(record.fit_id, record.decoding_id) for record in records} - kept_answers):
        path = results.answers(fit) / f"{decoding}.jsonl"
        if fit not in fits and path.is_file():
            items.append(Item(path, "answers", size(path)))
    return items + _scores_of(fits, results)


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
