"""One run: fit, ask every eval, write the record.

What is finished is not done again: a complete run is returned as it is, fits and scores are looked up by content.
Scores lie under results/scores/<score_id>.parquet, so that runs over one fit share whatever does not depend on
decoding.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from filelock import FileLock, Timeout

from harness import environment
from harness.asking import ask
from harness.completion import seed_of
from harness.config import RunSettings
from harness.display import visible
from harness.errors import UserError
from harness.evaluation import Eval, Material, table
from harness.fits import Fit, FitSettings, content_hash, fit_id, load_corpus, obtain, pick_device
from harness.record import (
    CONFIG_FILE,
    CURVE_FILE,
    LOG_FILE,
    RUN_FILE,
    SAMPLES_FILE,
    TEXT_FOLDER,
    Metric,
    RunRecord,
    write_bytes,
)
from harness.runs import find_run
from harness.settings import identity, without_versions
from harness.text.corpus import SPLITS, Corpus
from harness.tracking import mirror
from harness.training import Spent
from models.language_model import Cost

log = logging.getLogger("bakeoff")

_TEXTS_AN_EVAL = 20


def run(settings: RunSettings) -> RunRecord:
    """Do one run, or what is left of it, and return its record. UserErrors come before anything is written."""
    corpus = load_corpus(settings.data)
    device = pick_device(settings.device)
    training = settings.training
    if training.continue_from is not None:
        training = dataclasses.replace(training, continue_from=_fit_of(training.continue_from, settings.results_dir))
    wanted = FitSettings(settings.model, settings.tokenizer, training, settings.budget, settings.seed)
    name = run_id(settings, fit_id(wanted, corpus))
    folder = settings.results_dir / settings.experiment_name / name
    with _alone(folder):
        if (folder / RUN_FILE).exists():
            finished = RunRecord.read(folder)
            if finished.status == "complete":
                log.info("%s is complete; nothing to do", name)
                return finished
        with _logged(folder):
            return _do(settings, corpus, wanted, device, name, folder)


def _fit_of(name: str, results_dir: Path) -> str:
    """The id of the fit that a run, named by id, prefix or folder, scored."""
    return RunRecord.read(find_run(name, results_dir)).fit_id


def run_id(settings: RunSettings, fit: str) -> str:
    """model-decoding-seed-hash: the hash is of the fit, the decoding strategy and the evals."""
    content = content_hash(
        {"fit": fit, "decoding": identity(settings.decoding), "evals": identity(dict(settings.evals))}
    )
    return f"{settings.names['model']}-{settings.names['decoding']}-s{settings.seed}-{content[:8]}"


def _do(
    settings: RunSettings, corpus: Corpus, wanted: FitSettings, device: torch.device, name: str, folder: Path
) -> RunRecord:
    started_at = _now()
    log.info("run %s", name)
    saved = yaml.safe_dump(dict(settings.resolved), sort_keys=False, allow_unicode=True)
    write_bytes(folder / CONFIG_FILE, saved.encode())
    found = _Found()
    try:
        fit = obtain(wanted, corpus, settings.results_dir, device)
    except Exception as error:
        if isinstance(error, (UserError, OSError)):
            raise
        log.error("the fit failed: %s\n%s", error, traceback.format_exc())
        record = _record(settings, corpus, wanted, None, found, "failed", f"fit: {type(error).__name__}: {error}")
    else:
        environment.start_measuring_memory()
        found = _ask_evals(settings, fit, Material(corpus, fit.tokenizer))
        samples = pd.concat(found.tables, ignore_index=True) if found.tables else table("", [], [])
        samples.insert(0, "run_id", name)
        write_bytes(folder / SAMPLES_FILE, samples.to_parquet())
        write_bytes(folder / CURVE_FILE, fit.curve().to_parquet())
        for rows in found.tables:
            _write_texts(rows, folder / TEXT_FOLDER)
        status = "partial" if found.failures else "complete"
        record = _record(settings, corpus, wanted, fit, found, status, "; ".join(found.failures) or None)
    record = dataclasses.replace(record, run_id=name, started_at=started_at, device=str(device))
    if record.status != "failed":
        record = mirror(record, folder, settings.tracking, settings.results_dir)
    record.write(folder)
    log.info("run %s is %s: %s", name, record.status, folder)
    return record


@dataclass
class _Found:
    """What the evals found, and what went wrong in them."""

    metrics: list[Metric] = field(default_factory=list)
    tables: list[pd.DataFrame] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def seen_in_training(self) -> int | None:
        """Test problems that occur in the training text; None where no eval looked."""
        seen = [rows.attrs["seen_in_training"] for rows in self.tables]
        return sum(number for number in seen if number is not None) if any(n is not None for n in seen) else None


def _ask_evals(settings: RunSettings, fit: Fit, material: Material) -> _Found:
    """Every eval, one after another; one that fails costs the others nothing."""
    found = _Found()
    for eval in settings.evals.values():
        try:
            rows = _scored(eval, fit, material, settings)
            found.metrics += eval.metrics(rows) if len(rows) else [_nothing_measured(eval)]
            found.tables.append(rows)
        except Exception as error:
            if isinstance(error, OSError):
                raise
            log.error("eval %s failed: %s\n%s", eval.name, error, traceback.format_exc())
            found.failures.append(f"eval {eval.name}: {type(error).__name__}: {error}")
    return found


def _record(
    settings: RunSettings,
    corpus: Corpus,
    wanted: FitSettings,
    fit: Fit | None,
    found: _Found,
    status: str,
    error: str | None,
) -> RunRecord:
    """The record of a run; of one whose fit failed, what was asked, and None for what could not be known."""
    facts = fit.facts if fit is not None else {}
    names = settings.names
    return RunRecord(
        run_id="",
        fit_id=fit_id(wanted, corpus),
        experiment=settings.experiment_name,
        status=status,
        error=error,
        started_at="",
        finished_at=_now(),
        family=settings.model.family,
        model={"name": names["model"], **_options(settings.model if fit is None else fit.model.config)},
        tokenizer={
            "name": names["tokenizer"],
            **_options(settings.tokenizer),
            "vocab_size": fit.tokenizer.vocab_size if fit is not None else None,
            "fingerprint": fit.tokenizer.fingerprint if fit is not None else None,
        },
        data={
            "name": names["data"],
            "fingerprint": corpus.fingerprint,
            **{f"{split}_bytes": corpus.num_bytes(split) for split in SPLITS},
            "test_problems_seen_in_training": found.seen_in_training(),
            "config": _options(settings.data),
        },
        decoding={"name": names["decoding"], **_options(settings.decoding)},
        seed=settings.seed,
        budget={**_options(settings.budget), "num_params_missed_by": facts.get("num_params_missed_by")},
        spent=dict(facts.get("spent") or dict.fromkeys(one.name for one in dataclasses.fields(Spent))),
        cost=dict(facts.get("cost") or dict.fromkeys(one.name for one in dataclasses.fields(Cost))),
        metrics=found.metrics,
        versions=environment.versions(),
        git=environment.git_state(),
        device="",
        num_threads=torch.get_num_threads(),
        peak_memory_bytes=max(environment.peak_memory_bytes(), facts.get("peak_memory_bytes", 0)),
        wandb={"mode": "disabled", "run_id": None, "url": None},
    )


def _scored(eval: Eval, fit: Fit, material: Material, settings: RunSettings) -> pd.DataFrame:
    """The eval's scored rows, looked up or made."""
    depends_on = {"fit": fit.id, "eval": identity(eval)}
    if eval.uses_decoding:
        depends_on["decoding"] = identity(settings.decoding)
    path = settings.results_dir / "scores" / f"{content_hash(depends_on)}.parquet"
    if path.exists():
        return pd.read_parquet(path)
    samples = list(eval.samples(material))
    requests = [eval.requests(sample, material) for sample in samples]
    seeds = [
        [seed_of(settings.seed, eval.name, sample.id, index) for index in range(len(asked))]
        for sample, asked in zip(samples, requests, strict=True)
    ]
    answers = ask(fit.model, fit.tokenizer, requests, seeds, settings.decoding, f"eval {eval.name}")
    scores = [eval.score(sample, given, material) for sample, given in zip(samples, answers, strict=True)]
    rows = table(eval.name, samples, scores)
    rows.attrs["seen_in_training"] = eval.seen_in_training(samples, material)
    write_bytes(path, rows.to_parquet())
    return rows


def _nothing_measured(eval: Eval) -> Metric:
    return Metric(
        eval.name, eval.version, "samples", "all", None, "samples", None, n=0, n_total=0, reason=eval.why_no_samples
    )


def _write_texts(rows: pd.DataFrame, folder: Path) -> None:
    """The first few answers of an eval, to read. Model text may hold anything: what could move a terminal is spelled
    out."""
    spoken = rows[rows["answer"] != ""].head(_TEXTS_AN_EVAL)
    if spoken.empty:
        return
    parts = [
        f"--- {row.sample_id} ({row.finish_reason}) ---\n{visible(str(row.prompt))}\n>>> the model goes "
        f"on:\n{visible(str(row.answer))}\n"
        for row in spoken.itertuples()
    ]
    write_bytes(folder / f"{spoken['eval'].iloc[0]}.txt", "\n".join(parts).encode())


def _options(settings: Any) -> dict[str, Any]:
    """A settings object's options as plain values."""
    plain = without_versions(identity(settings))
    assert isinstance(plain, dict)
    return plain


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a run's folder; another process that does the same run waits, and then finds it done."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("%s is being done by another process; waiting for it", folder.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _logged(folder: Path) -> Iterator[None]:
    """Copy what is logged into the run's log.txt."""
    handler = logging.FileHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
