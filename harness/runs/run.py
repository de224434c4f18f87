"""One run: fit, ask every eval, write the record.

Finished work isn't repeated: a complete run is returned unchanged, and stored fits, answers and scores are used again.
What is damaged or missing, of the run or of its fit, is made again. Scores are stored under what they depend on, so
runs with one fit share all scores that don't depend on decoding.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from typing import Any

import torch

from harness.common import environment
from harness.common.claims import Claim
from harness.common.errors import ClaimLost, UserError
from harness.common.files import write_bytes
from harness.common.results_folder import CURVE_FILE, RUN_FILE
from harness.config.identity import plain
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Eval, Material
from harness.evaluation.questions import Questions
from harness.evaluation.requests import Answer
from harness.evaluation.scored import Scored
from harness.runs.complete import complete_record
from harness.runs.findings import Findings, kept_scores, score_and_keep
from harness.runs.folders import alone, finish, logged, now, write_config
from harness.runs.other_models import OtherModels
from harness.runs.plan import RunPlan
from harness.runs.record import MISSED_BY, RunRecord
from harness.runs.same_split import keep_split
from harness.runs.settings import RunSettings
from harness.runs.tracking import Mirror
from harness.text.data.corpus import SPLITS
from harness.training.fits import Fit, device_text
from harness.training.fitting import help_fitting, obtain
from harness.training.processes import Processes, connected
from harness.training.references import ReferenceModels
from harness.training.spent import Spent
from models.language_model import Cost

log = logging.getLogger("bakeoff")


def run(plan: RunPlan, mirror: Mirror) -> RunRecord:
    """Do one run, or what is left of it, and return its record. A UserError leaves nothing behind; where a
    stage finds nothing to learn from, the record says so.

    Of several processes that torchrun started the first calls this, and the others `help_with`.
    """
    is_new = not plan.folder.exists()
    try:
        with connected(plan.workshop.device) as processes, alone(plan.folder) as claim:
            if (finished := complete_record(plan.folder, plan.results.fit(plan.fit_id))) is not None:
                log.info("%s is complete; nothing to do", plan.run_id)
                return finished
            with logged(plan.folder):
                return _do(plan, mirror, processes, claim)
    except UserError:
        if is_new:  # a run that is refused leaves nothing behind
            shutil.rmtree(plan.folder, ignore_errors=True)
        raise


def help_with(plan: RunPlan) -> None:
    """Take part in the fits of a run that the first process does. Nothing is written here."""
    with connected(plan.workshop.device) as processes, processes.watched():
        help_fitting(plan.fit_settings, plan.corpus, dataclasses.replace(plan.workshop, processes=processes))


def _do(plan: RunPlan, mirror: Mirror, processes: Processes, claim: Claim) -> RunRecord:
    started_at = now()
    log.info("run %s", plan.run_id)
    write_config(plan)
    findings = Findings.before(plan)
    fit: Fit | None = None
    with findings.surviving("fit", reraise=(UserError, ClaimLost)), processes.watched():
        fit = obtain(plan.fit_settings, plan.corpus, dataclasses.replace(plan.workshop, processes=processes))
    processes.call("")  # the others are needed no more
    if fit is not None:
        keep_split(plan.results, plan.settings.data, plan.corpus)
        environment.start_measuring_memory()
        _ask_evals(plan, fit, findings)
        claim.check()
        (plan.folder / RUN_FILE).unlink(missing_ok=True)  # the files that it seals are about to be replaced
        findings.write(plan.folder, plan.run_id)
        write_bytes(plan.folder / CURVE_FILE, fit.curve().to_parquet())
    record = finish(plan, _record(plan, fit, findings, started_at), mirror)
    log.info("run %s: %s, in %s", plan.run_id, record.outcome, plan.folder)
    return record


def _ask_evals(plan: RunPlan, fit: Fit, findings: Findings) -> None:
    """Add every eval's scored rows: stored ones, or new ones."""
    material = Material(plan.corpus, fit.tokenizer, ReferenceModels(plan.corpus, plan.workshop))
    strategy = plan.settings.decoding.of_fit(fit.finished)
    respondent = Respondent(fit.model, fit.tokenizer, strategy, OtherModels(plan.workshop))

    def scored_of(eval: Eval) -> Scored:
        if (kept := kept_scores(plan, eval)) is not None:
            return kept

        def answer(eval_questions: Questions) -> list[list[Answer]]:
            return ask(respondent, eval_questions.requests, eval_questions.seeds, f"eval {eval.name}", plan.answers)

        return score_and_keep(plan, eval, material, answer)

    findings.ask(plan, scored_of)


def _record(plan: RunPlan, fit: Fit | None, findings: Findings, started_at: str) -> RunRecord:
    """The record of a run. Where the fit failed, unknown values are None."""
    facts = fit.facts if fit is not None else {}
    settings, corpus = plan.settings, plan.corpus
    names = settings.names
    return RunRecord(
        run_id=plan.run_id,
        fit_id=plan.fit_id,
        experiment=settings.experiment_name,
        status=findings.status if fit is not None else "failed",
        error=findings.error,
        started_at=started_at,
        finished_at=now(),
        family=settings.model.family,
        model={"name": names["model"], **_model_options(plan.settings, fit)},
        tokenizer={
            "name": names["tokenizer"],
            "config": plain(settings.tokenizer),
            "vocab_size": fit.tokenizer.vocab_size if fit is not None else None,
            "fingerprint": fit.tokenizer.fingerprint if fit is not None else None,
        },
        data={
            "name": names["data"],
            "fingerprint": corpus.fingerprint,
            **{f"{split}_bytes": corpus.num_bytes(split) for split in SPLITS},
            "test_problems_seen_in_training": findings.seen_in_training(),
            "config": plain(settings.data),
        },
        decoding={"name": names["decoding"], **plain(settings.decoding)},
        training=plain(settings.training),
        post={"name": "+".join(settings.post) or "none", **plain(settings.post)},
        stages=list(facts.get("stages", ())),
        evals=plan.eval_options,
        seed=settings.seed,
        deterministic=settings.model.is_deterministic,
        budget={**plain(settings.budget), **{name: facts.get(name) for name in MISSED_BY}},
        spent=dict(facts.get("spent") or dict.fromkeys(field.name for field in dataclasses.fields(Spent))),
        cost=dict(facts.get("cost") or dict.fromkeys(field.name for field in dataclasses.fields(Cost))),
        metrics=findings.metrics,
        versions=environment.versions(),
        git=environment.git_state(),
        device=device_text(plan.workshop.device),
        num_threads=torch.get_num_threads(),
        num_processes=facts.get("num_processes", 1),
        peak_memory_bytes=max(environment.peak_memory_bytes(), facts.get("peak_memory_bytes", 0)),
        wandb={"mode": plan.tracking.mode, "run_id": None, "url": None},
        errors=findings.failures,
        notes=findings.all_notes(plan, facts),
        glossary=findings.glossary,
        plugins=dict(settings.resolved.get("plugins", {})),
        decoding_id=plan.decoding_id,
        recipes=dict(plan.recipes),
        fit_digest=plan.fit_digest if fit is not None else None,
    )


def _model_options(settings: RunSettings, fit: Fit | None) -> dict[str, Any]:
    """The options of the model that was trained. Where the fit failed, a width that follows from the budget isn't
    known, and left out."""
    if fit is not None:
        return dict(plain(fit.model.config.trained_from))
    width = settings.model.width_field if settings.budget.num_params is not None else None
    return {name: value for name, value in plain(settings.model).items() if name != width}
