"""One run: fit, ask every eval, write the record.

What is finished is not done again: a complete run is returned as it is; fits, answers and scores are looked up by
content. Scores lie under results/scores/<score_id>.parquet, so that runs over one fit share whatever does not depend on
decoding.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pandas as pd
import torch
import yaml

from harness.common import environment
from harness.common.errors import PluginError, UserError
from harness.common.files import CURVE_FILE, write_bytes
from harness.config.identity import content_hash, identity, plain
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Eval, Material
from harness.evaluation.questions import questions, scored
from harness.runs.findings import Findings, run_id, scores_path
from harness.runs.folders import alone, logged, now
from harness.runs.loading import fit_of, model_finder
from harness.runs.record import CONFIG_FILE, RUN_FILE, RunRecord
from harness.runs.settings import RunSettings
from harness.runs.tracking import mirror
from harness.text.data.corpus import SPLITS, Corpus, DataSource
from harness.training.fits import Fit, FitSettings, fit_id, pick_device
from harness.training.fitting import obtain
from harness.training.progress import Spent
from harness.training.references import ReferenceModels
from models.language_model import Cost

_corpora: dict[str, Corpus] = {}


def load_corpus(source: DataSource) -> Corpus:
    """The corpus of a data source; the latest is kept for the next run of this process."""
    key = content_hash(identity(source))
    if key not in _corpora:
        try:
            corpus = source.load()
        except (UserError, OSError):
            raise
        except Exception as error:
            raise PluginError(f"{type(source).__name__} fails to load its data", error) from error
        for split in ("train", "validation"):
            if not corpus.documents(split):
                raise UserError(
                    f"data={corpus.name} has no {split} documents. Give it more text, or change how it is split."
                )
        for note in corpus.notes:
            log.info("data=%s: %s", corpus.name, note)
        _corpora.clear()
        _corpora[key] = corpus
    return _corpora[key]


log = logging.getLogger("bakeoff")


def run(settings: RunSettings) -> RunRecord:
    """Do one run, or what is left of it, and return its record. UserErrors come before anything is written."""
    corpus = load_corpus(settings.data)
    device = pick_device(settings.device)
    training = settings.training
    if training.continue_from is not None:
        training = dataclasses.replace(training, continue_from=fit_of(training.continue_from, settings.results_dir))
    search = settings.decoding.search.with_fits(lambda name: fit_of(name, settings.results_dir))
    settings = dataclasses.replace(settings, decoding=dataclasses.replace(settings.decoding, search=search))
    wanted = FitSettings(settings.model, settings.tokenizer, training, settings.budget, settings.seed)
    broken = {name: settings.resolved["evals"][name] for name in settings.broken_evals}
    evals = {**settings.evals, **broken}
    name = run_id(settings.names, settings.seed, fit_id(wanted, corpus), _decoding_id(settings), evals)
    folder = settings.results_dir / settings.experiment_name / name
    with alone(folder):
        if (folder / RUN_FILE).exists():
            finished = RunRecord.read(folder)
            if finished.status == "complete":
                log.info("%s is complete; nothing to do", name)
                return finished
        with logged(folder):
            return _do(settings, corpus, wanted, device, name, folder)


def _decoding_id(settings: RunSettings) -> str:
    """The hash of the decoding strategy."""
    return content_hash(identity(settings.decoding))


def _do(
    settings: RunSettings, corpus: Corpus, wanted: FitSettings, device: torch.device, name: str, folder: Path
) -> RunRecord:
    started_at = now()
    log.info("run %s", name)
    saved = yaml.safe_dump(dict(settings.resolved), sort_keys=False, allow_unicode=True)
    write_bytes(folder / CONFIG_FILE, saved.encode())
    found = Findings.without(settings.broken_evals)
    fit: Fit | None = None
    with found.surviving("fit", but=UserError):
        fit = obtain(wanted, corpus, settings.results_dir, device)
    if fit is not None:
        environment.start_measuring_memory()
        references = ReferenceModels(corpus, settings.results_dir, device)
        _ask_evals(settings, fit, Material(corpus, fit.tokenizer, references), found)
        found.write(folder, name)
        write_bytes(folder / CURVE_FILE, fit.curve().to_parquet())
    record = _record(settings, corpus, wanted, fit, found)
    record = dataclasses.replace(record, run_id=name, started_at=started_at, device=str(device))
    if record.status != "failed":
        record = mirror(record, folder, settings.tracking, settings.results_dir)
    record.write(folder)
    log.info("run %s is %s: %s", name, record.status, folder)
    return record


def _ask_evals(settings: RunSettings, fit: Fit, material: Material, found: Findings) -> None:
    """Every eval, one after another; one that fails costs the others nothing."""
    for eval in settings.evals.values():
        with found.surviving(f"eval {eval.name}"):
            found.add(eval, _rows(eval, fit, material, settings))


def _rows(eval: Eval, fit: Fit, material: Material, settings: RunSettings) -> pd.DataFrame:
    """The eval's scored rows, looked up or made."""
    decoding_id = _decoding_id(settings)
    path = scores_path(settings.results_dir, eval, fit.id, decoding_id)
    if path.exists():
        return pd.read_parquet(path)
    asked = questions(eval, material, settings.seed)
    find_model = model_finder(settings.results_dir, pick_device(settings.device))
    answers = ask(
        Respondent(fit.model, fit.tokenizer, settings.decoding, find_model),
        asked.requests,
        asked.seeds,
        f"eval {eval.name}",
        AnswerStore(settings.results_dir, fit.id, decoding_id),
    )
    rows = scored(eval, asked, answers, material)
    write_bytes(path, rows.to_parquet())
    return rows


def _record(
    settings: RunSettings,
    corpus: Corpus,
    wanted: FitSettings,
    fit: Fit | None,
    found: Findings,
) -> RunRecord:
    """The record of a run; of one whose fit failed, what was asked, and None for what could not be known."""
    facts = fit.facts if fit is not None else {}
    names = settings.names
    return RunRecord(
        run_id="",
        fit_id=fit_id(wanted, corpus),
        experiment=settings.experiment_name,
        status=found.status if fit is not None else "failed",
        error=found.error,
        started_at="",
        finished_at=now(),
        family=settings.model.family,
        model={"name": names["model"], **plain(settings.model if fit is None else fit.model.config)},
        tokenizer={
            "name": names["tokenizer"],
            **plain(settings.tokenizer),
            "vocab_size": fit.tokenizer.vocab_size if fit is not None else None,
            "fingerprint": fit.tokenizer.fingerprint if fit is not None else None,
        },
        data={
            "name": names["data"],
            "fingerprint": corpus.fingerprint,
            **{f"{split}_bytes": corpus.num_bytes(split) for split in SPLITS},
            "test_problems_seen_in_training": found.seen_in_training(),
            "config": plain(settings.data),
        },
        decoding={"name": names["decoding"], **plain(settings.decoding)},
        seed=settings.seed,
        budget={**plain(settings.budget), "num_params_missed_by": facts.get("num_params_missed_by")},
        spent=dict(facts.get("spent") or dict.fromkeys(one.name for one in dataclasses.fields(Spent))),
        cost=dict(facts.get("cost") or dict.fromkeys(one.name for one in dataclasses.fields(Cost))),
        metrics=found.metrics,
        versions=environment.versions(),
        git=environment.git_state(),
        device="",
        num_threads=torch.get_num_threads(),
        peak_memory_bytes=max(environment.peak_memory_bytes(), facts.get("peak_memory_bytes", 0)),
        wandb={"mode": "disabled", "run_id": None, "url": None},
        errors=found.failures,
        plugins=dict(settings.resolved.get("plugins", {})),
        decoding_id=_decoding_id(settings),
    )
