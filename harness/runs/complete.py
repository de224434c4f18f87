"""Whether a run needs to be done. Needs no torch."""

from __future__ import annotations

import logging

from harness.common.errors import UserError
from harness.common.results_folder import is_finished
from harness.common.sealed import Damaged
from harness.runs.plan import EvalPlan
from harness.runs.record import RunRecord, check_run
from harness.training.fit_folder import fit_facts

log = logging.getLogger("bakeoff")


def complete_record(plan: EvalPlan) -> RunRecord | None:
    """The record of a complete run; None where the run isn't complete, or a file of it or of its fit is missing or
    damaged."""
    if not is_finished(plan.folder):
        return None
    try:
        record = RunRecord.read(plan.folder)
        if record.status != "complete":
            return None
        check_run(plan.folder)
        fit_facts(plan.results.fit(plan.fit_id))
        if record.fit_digest != plan.fit_digest:
            raise UserError(f"fit {plan.fit_id} was made again and is different now")
    except UserError as error:
        why = error.damage if isinstance(error, Damaged) else error
        log.warning("%s is no longer complete, so it runs again: %s", plan.run_id, why)
        return None
    return record
