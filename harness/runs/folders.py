"""A run's folder while it is written: one process holds it, log.txt grows in it, and the record is written last."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from harness.common.claims import Claim
from harness.common.errors import UserError
from harness.common.files import make_folder, remove_leftovers, write_bytes
from harness.common.results_folder import CLAIM_FILE, CONFIG_FILE, LOG_FILE, ResultsFolder
from harness.common.visible import visible
from harness.runs.plan import EvalPlan
from harness.runs.record import RunRecord
from harness.runs.tracking import Mirror, Tracking

log = logging.getLogger("bakeoff")


def now() -> str:
    """The time now, as records write it: ISO 8601, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@contextmanager
def alone(folder: Path) -> Iterator[Claim]:
    """Hold a run's folder. Another process that starts the same run waits, and then finds it finished.

    UserError where the folder can't be made: a file has its name, or the file system allows no folders, as /proc.
    """
    try:
        make_folder(folder)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"the folder {folder} can't be made ({error.strerror}: {error.filename}). Name another results_dir."
        ) from None
    claim = Claim(folder / CLAIM_FILE)
    if not claim.take():
        log.info("%s is running in another process; waiting for it to finish", folder.name)
        claim.wait()
    try:
        remove_leftovers(folder)
        yield claim
    finally:
        claim.release()


class _Visible(logging.Formatter):
    """Spells out characters that could control the terminal of a person who reads the file."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Copy log messages into the run's log.txt."""
    handler = logging.FileHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(_Visible("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def write_config(plan: EvalPlan) -> None:
    """Write config.yaml: the run can be repeated from it."""
    text = yaml.safe_dump(dict(plan.config), sort_keys=False, allow_unicode=True)
    write_bytes(plan.folder / CONFIG_FILE, text.encode())


def finish(plan: EvalPlan, record: RunRecord, mirror: Mirror) -> RunRecord:
    """Write a run's record, mirror the run, then write the record again with the mirror's answer.

    The run is finished before it is mirrored. A failed run isn't mirrored.
    """
    record = dataclasses.replace(record, wandb={"mode": plan.tracking.mode, "run_id": None, "url": None})
    record.write(plan.folder)
    if record.status == "failed" or plan.tracking.mode == "disabled":
        return record
    return mirrored(record, plan.folder, plan.tracking, mirror)


def mirrored(record: RunRecord, folder: Path, tracking: Tracking, mirror: Mirror) -> RunRecord:
    """Mirror a finished run, and write its record again with the mirror's answer. folder: the run's."""
    answer = mirror.run(record, folder, tracking, ResultsFolder.around(folder))
    record = dataclasses.replace(record, wandb={"mode": tracking.mode, "run_id": None, "url": None} | answer)
    record.write(folder)
    return record
