"""Scores a run's stored answers again, after a scorer changed. The model isn't asked, and torch isn't needed (unless an
eval uses a reference model).

Answers are looked up by their requests (harness/evaluation/answer_store.py). So an eval may change how it scores and
sums up, but not what it asks. The result is the run that the same command would make now. Where the evals are
unchanged, it is the same run, and its record is replaced. Where an eval's version or a plugin's source changed, it is a
new run with another id, and the earlier run stays.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.common.files import write_bytes
from harness.common.results_folder import CONFIG_FILE, CURVE_FILE, RUN_FILE, ResultsFolder
from harness.config.compose import from_saved
from harness.config.settings import build
from harness.config.tokenizer_file import load_tokenizer
from harness.evaluation.eval import Eval, Material
from harness.evaluation.questions import Questions
from harness.evaluation.requests import Answer
from harness.evaluation.scored import Scored
from harness.runs.findings import Findings, score_and_keep
from harness.runs.folders import alone, finish, logged, now, write_config
from harness.runs.plan import EvalPlan
from harness.runs.record import RunRecord, check_run
from harness.runs.settings import built_evals
from harness.runs.tracking import Mirror, Tracking
from harness.text.data.corpus import Corpus, DataSource
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fit_folder import fit_facts

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig

log = logging.getLogger("bakeoff")

_NEEDED = ("evals", "data", "tokenizer", "tracking")


class Unanswered(UserError):
    """A request of an eval has no stored answer, or the answer is damaged."""


def rescore(folder: Path, mirror: Mirror) -> RunRecord:
    """Score the answers of the run in a folder again, and write the record of the resulting run.

    UserError where the folder holds no finished run, a file of the run or of its fit is damaged, its data set changed,
    or its answers are missing.
    """
    folder = folder.resolve()
    record = RunRecord.read(folder)
    check_run(folder)
    config = from_saved(folder / CONFIG_FILE, _NEEDED, renew=True)
    if record.status == "failed":
        raise UserError(
            f"{record.run_id} failed before any eval was asked, so it has no answers to score. Run the same command "
            "again."
        )
    ResultsFolder.around(folder).check(record.fit_id)
    curve = (folder / CURVE_FILE).read_bytes()
    plan = _plan(record, config, ResultsFolder.around(folder), folder.parent.name)
    material = _material(plan)
    with alone(plan.folder), logged(plan.folder):
        log.info("scoring the answers of %s again", record.run_id)
        findings = Findings.before(plan)
        # a record isn't replaced by one with fewer results
        reraise = Unanswered if plan.folder == folder else ()
        findings.ask(plan, lambda eval: _scored(plan, eval, material), reraise)
        (plan.folder / RUN_FILE).unlink(missing_ok=True)  # the files that it seals are about to be replaced
        write_config(plan)
        findings.write(plan.folder, plan.run_id)
        write_bytes(plan.folder / CURVE_FILE, curve)
        rescored = dataclasses.replace(
            record,
            run_id=plan.run_id,
            status=findings.status,
            error=findings.error,
            errors=findings.failures,
            notes=findings.all_notes(plan, fit_facts(plan.results.fit(plan.fit_id))),
            metrics=findings.metrics,
            glossary=findings.glossary,
            data={**record.data, "test_problems_seen_in_training": findings.seen_in_training()},
            evals=plan.eval_options,
            plugins=dict(config["plugins"]),
            finished_at=now(),
            rescored_from=record.run_id,
            fit_digest=plan.fit_digest,
        )
        return finish(plan, rescored, mirror)


def _plan(record: RunRecord, config: Mapping[str, Any], results: ResultsFolder, experiment: str) -> EvalPlan:
    """The plan that the same command would make now for the run's fit."""
    return EvalPlan(
        fit_id=record.fit_id,
        decoding_id=record.decoding_id,
        evals=built_evals(config),
        corpus=_corpus(record, config),
        seed=record.seed,
        tracking=build(config["tracking"], Tracking, "tracking"),
        config=config,
        results=results,
        experiment=experiment,
    )


def _corpus(record: RunRecord, config: Mapping[str, Any]) -> Corpus:
    """The run's corpus; UserError where it changed."""
    corpus = build(config["data"], DataSource, "data").load()  # type: ignore[type-abstract]
    if corpus.fingerprint != record.data["fingerprint"]:
        raise UserError(
            f"data={corpus.name} changed since {record.run_id} was made (fingerprint then "
            f"{str(record.data['fingerprint'])[:12]}, now {corpus.fingerprint[:12]}). Make a new run with it."
        )
    return corpus


def _material(plan: EvalPlan) -> Material:
    """The material that the evals made their samples from."""

    def reference_model(config: ModelConfig) -> tuple[LanguageModel, Tokenizer]:
        """Only for evals that use a reference model: they do need torch."""
        from harness.training.fits import pick_device
        from harness.training.references import ReferenceModels
        from harness.training.workshop import Workshop

        return ReferenceModels(plan.corpus, Workshop(plan.results, pick_device("auto")))(config)

    folder = plan.results.fit(plan.fit_id)
    fit_facts(folder)
    tokenizer = load_tokenizer(folder)
    return Material(plan.corpus, tokenizer, reference_model)


def _scored(plan: EvalPlan, eval: Eval, material: Material) -> Scored:
    """An eval's scored rows, computed again."""
    return score_and_keep(plan, eval, material, lambda eval_questions: _answers(plan, eval, eval_questions))


def _answers(plan: EvalPlan, eval: Eval, eval_questions: Questions) -> Sequence[Sequence[Answer]]:
    """Each sample's answers."""
    store = plan.answers
    answers = [
        [store.find(*pair) for pair in zip(requests, seeds, strict=True)]
        for requests, seeds in zip(eval_questions.requests, eval_questions.seeds, strict=True)
    ]
    missing = sum(answer is None for of_sample in answers for answer in of_sample)
    if missing:
        total = sum(map(len, answers))
        raise Unanswered(
            f"{missing} of the {total} requests of {eval.name} have no stored answer, so the model is needed: run the "
            "same command again."
        )
    return [[answer for answer in of_sample if answer is not None] for of_sample in answers]
