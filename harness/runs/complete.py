"""Whether a run needs to be done. Needs no torch."""

from __future__ import annotations

import logging
from pathlib import Path

from harness.common.errors import UserError
from harness.common.results_folder import is_finished
from harness.common.sealed import Damaged
from harness.runs.record import RunRecord, check_run
from harness.training.fit_folder import fit_digest, fit_facts

log = logging.getLogger("bakeoff")


def complete_record(folder: Path, fit: Path) -> RunRecord | None:
    """The record of a complete run; None where the run isn't complete, or a file of it or of its fit is missing or
    damaged. folder, fit: the run's folder, and that of its fit."""
    if not is_finished(folder):
        return None
    try:
        record = RunRecord.read(folder)
        if record.status != "complete":
            return None
        check_run(folder)
        fit_facts(fit)
        if record.fit_digest != fit_digest(fit):
            raise UserError(f"fit {fit.name} was made again and is different now")
    except UserError as error:
        why = error.damage if isinstance(error, Damaged) else error
        log.warning("%s is no longer complete, so it runs again: %s", folder.name, why)
        return None
    return record
