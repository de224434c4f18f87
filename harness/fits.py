"""Fits, addressed by content: what is fitted once is never fitted again.

A fit is a model with its weights, its tokenizer and its training curve, under results/fits/<fit_id>. The id is a hash
of everything that the weights depend on. Two processes that want the same fit: one makes it, the other waits for it. A
fit that was killed goes on from its checkpoint.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout

from harness import environment
from harness.budget import Budget, missed_by, solve_width
from harness.completion import FindModel
from harness.config import refuse_foreign
from harness.errors import PluginError, UserError
from harness.options import files_of, relocated
from harness.record import CURVE_FILE, RunRecord, write_bytes, write_json
from harness.runs import find_run
from harness.seeds import seed_of
from harness.settings import build, content_hash, identity, plain
from harness.text.corpus import Corpus, DataSource
from harness.text.tokenizer import Tokenizer, TokenizerSettings, load_tokenizer
from harness.text.tokens import token_stream
from harness.training import TRAIN_STATE_FILE, Spent, Training, Validation, fit, take, tune
from models.checks import Impossible
from models.combined import CombinedConfig
from models.language_model import WEIGHTS_FILE, LanguageModel, ModelConfig, NeuralModel

log = logging.getLogger("bakeoff")

FIT_FILE = "fit.json"
MODEL_FILE = "model.json"
TOKENIZER_FILE = "tokenizer.json"
FORMAT_VERSION = 2
"""Raised when fits of the same settings come to hold something else."""

_corpora: dict[str, Corpus] = {}
_tokenizers: dict[str, Tokenizer] = {}


@dataclass(frozen=True)
class FitSettings:
    """Everything that a fit's weights depend on, but for the text of the corpus."""

    model: ModelConfig
    tokenizer: TokenizerSettings
    training: Training
    budget: Budget
    seed: int


@dataclass(frozen=True)
class Fit:
    """A fitted model, ready to be asked."""

    id: str
    folder: Path
    model: LanguageModel
    tokenizer: Tokenizer
    facts: Mapping[str, Any]
    """What fit.json holds: spent, cost, num_params_missed_by, peak_memory_bytes."""

    def curve(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / CURVE_FILE)


def fit_id(settings: FitSettings, corpus: Corpus) -> str:
    """The content hash that names a fit."""
    return content_hash({"format": FORMAT_VERSION, "settings": identity(settings), "corpus": corpus.fingerprint})


def pick_device(name: str) -> torch.device:
    """The device of `device=`. UserError where it isn't there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.split(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    number = int(name.partition(":")[2] or 0)
    if not there[kind] or (kind == "cuda" and number >= torch.cuda.device_count()):
        present = [kind for kind, is_there in there.items() if is_there]
        raise UserError(
            f"device={name} was asked for, but torch finds none here. There is: {', '.join(present)}. "
            "Leave device=auto to take the best."
        )
    return torch.device(name)


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


def obtain(settings: FitSettings, corpus: Corpus, results_dir: Path, device: torch.device) -> Fit:
    """The fit that these settings describe: found, waited for, gone on with, or made."""
    name = fit_id(settings, corpus)
    folder = results_dir / "fits" / name
    if not (folder / FIT_FILE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("fit %s is being made by another process; waiting for it", name)
            lock.acquire()
        try:
            if not (folder / FIT_FILE).exists():
                _make(settings, corpus, folder, results_dir, device)
        finally:
            lock.release()
    return load_fit(folder, device)


def load_fit(folder: Path, device: torch.device) -> Fit:
    """A finished fit from its folder. UserError where it isn't one."""
    try:
        facts = json.loads((folder / FIT_FILE).read_text(encoding="utf-8"))
        described = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
    except FileNotFoundError as error:
        raise UserError(
            f"{folder} is not a finished fit ({Path(str(error.filename)).name} is missing). Run its "
            "command again to finish it."
        ) from None
    except ValueError as error:
        raise UserError(f"{folder} is damaged ({error}). Delete the folder and run its command again.") from None
    saved = relocated(described["config"])
    refuse_foreign(saved, folder / MODEL_FILE, described.get("plugins", {}))
    config = build(saved, ModelConfig, str(folder / MODEL_FILE))  # type: ignore[type-abstract]
    try:
        model = config.build(described["vocab_size"], described["start_token"]).load(folder)
    except Impossible as error:
        raise UserError(str(error)) from None
    if isinstance(model, NeuralModel):
        model.to(device).eval()
    return Fit(facts["fit_id"], folder, model, tokenizer, facts)


def fit_of(name: str, results_dir: Path) -> str:
    """The id of the fit that a run, named by id, prefix or folder, scored; of a fit that is named itself, its own."""
    if name and (results_dir / "fits" / name / FIT_FILE).exists():
        return name
    return RunRecord.read(find_run(name, results_dir)).fit_id


def fit_of_run(run: str, results_dir: Path, device: torch.device) -> Fit:
    """The fit that a run scored, loaded; the run is named by its id, a unique prefix of it, or its folder."""
    folder = find_run(run, results_dir).resolve()
    return load_fit(folder.parent.parent / "fits" / RunRecord.read(folder).fit_id, device)


def model_finder(results_dir: Path, device: torch.device) -> FindModel:
    """How a decoding strategy gets another run's model."""

    def find(name: str) -> tuple[LanguageModel, Tokenizer]:
        found = load_fit(results_dir / "fits" / fit_of(name, results_dir), device)
        return found.model, found.tokenizer

    return find


def _make(settings: FitSettings, corpus: Corpus, folder: Path, results_dir: Path, device: torch.device) -> None:
    """Fit, and write the fit's folder; fit.json comes last."""
    environment.start_measuring_memory()
    earlier = _earlier(settings, results_dir, device)
    tokenizer = earlier.tokenizer if earlier is not None else _tokenizer(settings, corpus)
    validation = _validation(corpus, tokenizer, settings.training.validation_bytes)
    try:
        if isinstance(settings.model, CombinedConfig):
            model, spent, curve = _combine(settings, settings.model, corpus, validation, results_dir, device)
        else:
            model, spent, curve = _train(settings, earlier, corpus, tokenizer, validation, folder, device)
    except Impossible as error:
        raise UserError(str(error)) from None
    write_bytes(folder / TOKENIZER_FILE, tokenizer.to_json().encode())
    described = {
        "family": model.config.family,
        "config": plain(model.config),
        "vocab_size": model.vocab_size,
        "start_token": model.start_token,
        "plugins": files_of(plain(model.config)),
    }
    write_json(folder / MODEL_FILE, described)
    unfinished = folder / "unfinished"
    unfinished.mkdir(exist_ok=True)
    model.save(unfinished)
    (unfinished / WEIGHTS_FILE).replace(folder / WEIGHTS_FILE)
    shutil.rmtree(unfinished)
    pd.DataFrame(curve).to_parquet(folder / CURVE_FILE)
    facts = {
        "fit_id": folder.name,
        "seed": settings.seed,
        "spent": asdict(spent),
        "cost": asdict(model.cost()),
        "num_params_missed_by": missed_by(model.config, settings.budget.num_params, model.cost().num_params),
        "device": str(device),
        "num_threads": torch.get_num_threads(),
        "peak_memory_bytes": environment.peak_memory_bytes(),
    }
    write_json(folder / FIT_FILE, facts)
    (folder / TRAIN_STATE_FILE).unlink(missing_ok=True)
    if settings.model.is_fitted:
        log.info("took up %s as it is", settings.model.family)
        return
    log.info("fitted %s in %.1f s of training: %s tokens", settings.model.family, spent.seconds, f"{spent.tokens:,}")


def _earlier(settings: FitSettings, results_dir: Path, device: torch.device) -> Fit | None:
    """The fit that this one goes on from; UserError where that is of another model."""
    if settings.training.continue_from is None:
        return None
    if settings.model.is_fitted:
        raise UserError(
            f"training.continue_from={settings.training.continue_from}: model={settings.model.family} has its weights "
            "already and isn't trained here, so it can't go on from a fit. Leave training.continue_from out."
        )
    found = load_fit(results_dir / "fits" / settings.training.continue_from, device)
    config = solve_width(settings.model, settings.budget.num_params, found.tokenizer.vocab_size)
    if found.model.config != config or isinstance(config, CombinedConfig):
        raise UserError(
            f"training.continue_from={found.id} is a fit of {found.model.config}, which can't go on as {config}. Give "
            "this run the same model options, or continue from another run."
        )
    return found


def _train(
    settings: FitSettings,
    earlier: Fit | None,
    corpus: Corpus,
    tokenizer: Tokenizer,
    validation: Validation,
    folder: Path,
    device: torch.device,
) -> tuple[LanguageModel, Spent, list[dict[str, Any]]]:
    """A model of a family that learns from text itself, fitted."""
    if earlier is not None:
        model = earlier.model
        log.info("going on from fit %s", earlier.id)
    else:
        config = solve_width(settings.model, settings.budget.num_params, tokenizer.vocab_size)
        with torch.random.fork_rng():
            torch.manual_seed(seed_of("weights", settings.seed))
            model = config.build(tokenizer.vocab_size, tokenizer.start_token)
    if isinstance(model, NeuralModel):
        model.to(device).eval()
    if model.config.is_fitted:
        return model, *take(model, validation)
    log.info("fitting %s (fit %s)", model.config.family, folder.name)
    stream = token_stream(corpus, "train", tokenizer).tokens
    training, budget, seed = settings.training, settings.budget, settings.seed
    spent, curve = fit(model, stream, validation, training, budget, seed, folder, log.info)
    return model, spent, curve


def _combine(
    settings: FitSettings,
    config: CombinedConfig,
    corpus: Corpus,
    validation: Validation,
    results_dir: Path,
    device: torch.device,
) -> tuple[LanguageModel, Spent, list[dict[str, Any]]]:
    """A combination of fits, which are found or made as each member would be alone, tuned."""
    members = {
        name: obtain(dataclasses.replace(settings, model=member), corpus, results_dir, device)
        for name, member in config.members.items()
    }
    log.info("combining %s", ", ".join(f"{name} (fit {member.id})" for name, member in members.items()))
    model = config.combine({name: member.model for name, member in members.items()})
    spent = Spent()
    for member in members.values():
        for name, amount in member.facts["spent"].items():
            setattr(spent, name, getattr(spent, name) + amount)
    return model, spent, tune(model, validation, spent)


def _validation(corpus: Corpus, tokenizer: Tokenizer, max_bytes: int) -> Validation:
    documents, num_bytes = [], 0
    for document in corpus.validation:
        documents.append(np.asarray(tokenizer.encode(document.text), dtype=np.int64))
        num_bytes += document.num_bytes
        if num_bytes >= max_bytes:
            break
    return Validation(documents, num_bytes)


def _tokenizer(settings: FitSettings, corpus: Corpus) -> Tokenizer:
    """The tokenizer trained on the corpus; the latest is kept for the next fit of this process."""
    key = content_hash([identity(settings.tokenizer), corpus.fingerprint])
    if key not in _tokenizers:
        _tokenizers.clear()
        _tokenizers[key] = settings.tokenizer.train(corpus.train)
    return _tokenizers[key]
