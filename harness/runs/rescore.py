"""Scoring a run's answers again, after a scorer changed: the run's model is not asked, and torch need not be there
(unless an eval measures against a model of its own).

Answers are looked up by what was asked (harness/evaluation/answer_store.py), so an eval may change how it scores and
sums up, but not what it asks. The result is the run that the same command would now make. Where the evals are what they
were, that is the same run, and its record is replaced; where one of them has another version, or is a plugin whose text
changed, it is a run of another id, and the earlier one stays as it was.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.common.errors import PluginError, UserError
from harness.common.files import CURVE_FILE, write_bytes
from harness.config.compose import from_saved
from harness.config.settings import build
from harness.config.tokenizer_file import load_tokenizer
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.eval import Eval, Material
from harness.evaluation.questions import Questions, questions, scored
from harness.evaluation.requests import Answer
from harness.runs.findings import Findings, run_id, scores_path
from harness.runs.folders import alone, logged, now
from harness.runs.record import CONFIG_FILE, RunRecord
from harness.runs.settings import built_evals
from harness.runs.tracking import Tracking, mirror
from harness.text.data.corpus import DataSource
from harness.text.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig

log = logging.getLogger("bakeoff")

_NEEDED = ("evals", "data", "tracking")


def rescore(folder: Path) -> RunRecord:
    """Score the answers of the run in a folder again, and write the record of the run that this gives.

    UserError where the folder holds no finished run, or its data set isn't what it was.
    """
    folder = folder.resolve()
    record, results_dir = RunRecord.read(folder), folder.parent.parent
    config = from_saved(folder / CONFIG_FILE, _NEEDED, renew=True)
    if record.status == "failed":
        raise UserError(f"{record.run_id} failed before anything was asked, so there are no answers to score.")
    evals, broken = built_evals(config)
    every: Mapping[str, Any] = {**evals, **{name: config["evals"][name] for name in broken}}
    name = run_id(config["names"], record.seed, record.fit_id, record.decoding_id, every)
    there = folder.parent / name
    material = _material(config, record, results_dir / "fits" / record.fit_id)
    with alone(there), logged(there):
        log.info("scoring the answers of %s again", record.run_id)
        found = _score(evals, broken, material, record, results_dir)
        found.write(there, name)
        write_bytes(there / CONFIG_FILE, yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())
        if there != folder:
            shutil.copyfile(folder / CURVE_FILE, there / CURVE_FILE)
        rescored = dataclasses.replace(
            record,
            run_id=name,
            status=found.status,
            error=found.error,
            errors=found.failures,
            metrics=found.metrics,
            data={**record.data, "test_problems_seen_in_training": found.seen_in_training()},
            plugins=dict(config["plugins"]),
            finished_at=now(),
            rescored_from=record.run_id,
        )
        rescored = mirror(rescored, there, build(config["tracking"], Tracking, "tracking"), results_dir)
        rescored.write(there)
    return rescored


def _score(
    evals: Mapping[str, Eval],
    broken: Mapping[str, PluginError],
    material: Material,
    record: RunRecord,
    results_dir: Path,
) -> Findings:
    store = AnswerStore(results_dir, record.fit_id, record.decoding_id)
    found = Findings.without(broken)
    for eval in evals.values():
        with found.surviving(f"eval {eval.name}"):
            asked = questions(eval, material, record.seed)
            rows = scored(eval, asked, _answers(eval, asked, store), material)
            write_bytes(scores_path(results_dir, eval, record.fit_id, record.decoding_id), rows.to_parquet())
            found.add(eval, rows)
    return found


def _material(config: Mapping[str, Any], record: RunRecord, fit: Path) -> Material:
    """What the evals made their samples from."""
    corpus = build(config["data"], DataSource, "data").load()  # type: ignore[type-abstract]
    if corpus.fingerprint != record.data["fingerprint"]:
        raise UserError(
            f"data={corpus.name} is not what it was when {record.run_id} was made (fingerprint "
            f"{corpus.fingerprint[:12]}, then {str(record.data['fingerprint'])[:12]}). Make a new run with it."
        )

    def reference_model(config: ModelConfig) -> tuple[LanguageModel, Tokenizer]:
        """Only for evals that measure against a model of their own: those do need torch."""
        from harness.training.fits import pick_device
        from harness.training.references import ReferenceModels

        return ReferenceModels(corpus, fit.parent.parent, pick_device("auto"))(config)

    return Material(corpus, load_tokenizer(fit), reference_model)


def _answers(eval: Eval, asked: Questions, store: AnswerStore) -> Sequence[Sequence[Answer]]:
    """Each sample's answers. UserError where some were never given."""
    found = [
        [store.find(*pair) for pair in zip(requests, seeds, strict=True)]
        for requests, seeds in zip(asked.requests, asked.seeds, strict=True)
    ]
    missing = sum(answer is None for answers in found for answer in answers)
    if missing:
        total = sum(map(len, found))
        raise UserError(
            f"{missing} of the {total} things that {eval.name} asks were never answered, so the model is needed: run "
            "the same command again."
        )
    return [[answer for answer in answers if answer is not None] for answers in found]
