"""Fits, addressed by content: what is fitted once is never fitted again.

A fit is a model with its weights, its tokenizer and its training curve, under results/fits/<fit_id>. The id is a hash
of everything that the weights depend on. Two processes that want the same fit: one makes it, the other waits for it. A
fit that was killed continues from its checkpoint. torch and pandas are imported only where a fit is used, so that a fit
that can't be had is told of at once.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.common import torchrun
from harness.common.errors import UserError
from harness.common.lazy import LazyModule
from harness.common.results_folder import CURVE_FILE, MODEL_FILE, ResultsFolder
from harness.completion.reward import FinishedFit
from harness.config.compose import refuse_foreign
from harness.config.identity import content_hash, identity
from harness.config.options import relocated
from harness.config.settings import build
from harness.config.tokenizer_file import TOKENIZER_FILE, load_tokenizer, saved_tokenizer
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.tokenizer import Tokenizer, TokenizerSettings
from harness.training.budget import Budget
from harness.training.fit_folder import fit_facts
from harness.training.post.stage import PostStage
from harness.training.settings import Training
from models.checks import BadWeights, Impossible
from models.language_model import WEIGHTS_FILE, LanguageModel, ModelConfig

if TYPE_CHECKING:
    import pandas as pd
    import torch
else:
    pd, torch = LazyModule("pandas"), LazyModule("torch")

log = logging.getLogger("bakeoff")

FORMAT_VERSION = 2
"""Incremented when a fit of the same settings would hold something else than before."""


@dataclass(frozen=True)
class FitSettings:
    """Everything that a fit's weights depend on, except the text of the corpus."""

    model: ModelConfig
    tokenizer: TokenizerSettings
    training: Training
    budget: Budget
    seed: int
    post: Mapping[str, PostStage] = field(default_factory=dict)
    """The stages of post-training, by name and in order; the fit is that of the last."""

    @property
    def before(self) -> FitSettings:
        """The settings of the fit that the last stage of post-training begins with."""
        return dataclasses.replace(self, post=dict(list(self.post.items())[:-1]))


@dataclass(frozen=True)
class Fit:
    """A fitted model with its tokenizer, ready for use."""

    id: str
    folder: Path
    model: LanguageModel
    tokenizer: Tokenizer
    facts: Mapping[str, Any]
    """What fit.json holds: recipe, spent, cost, notes, peak_memory_bytes, by what share each limit was missed, and
    `stages`: what each stage of post-training was and cost."""

    def curve(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / CURVE_FILE)

    @property
    def finished(self) -> FinishedFit:
        """As a search wants it."""
        results = ResultsFolder.around(self.folder)
        return FinishedFit(self.model, self.tokenizer, self.facts.get("stages", ()), results)


def fit_id(settings: FitSettings, corpus: Corpus) -> str:
    """The content hash that names a fit; after a stage of post-training, a hash of the stage and of the fit before."""
    if settings.post:
        before, stage = fit_id(settings.before, corpus), list(settings.post.values())[-1]
        return content_hash({"format": FORMAT_VERSION, "before": before, "stage": identity(stage)})
    return content_hash({"format": FORMAT_VERSION, "settings": identity(settings), "corpus": corpus.fingerprint})


def recipe(settings: FitSettings, corpus: Corpus, earlier: Fit | None) -> str:
    """Names a fit without regard to its seed: the id that it would have with seed 0.

    earlier: the fit that it continues, which is named by its recipe too.
    """
    continue_from = None if earlier is None else earlier.facts["recipe"]
    training = dataclasses.replace(settings.training, continue_from=continue_from)
    return fit_id(dataclasses.replace(settings, training=training, seed=0), corpus)


def check_device(name: str) -> None:
    """UserError where this machine can't have the device of `device=`, as far as that is told without torch."""
    kind = name.split(":")[0]
    if (kind == "mps" and sys.platform != "darwin") or (kind == "cuda" and not _has_driver()):
        raise UserError(
            f"device={name} was asked for, but this machine has no driver for it. Leave device=auto to take the best "
            "that there is."
        )


def _has_driver() -> bool:
    """Whether there is a driver of graphics cards: NVIDIA's library, or AMD's device file."""
    if os.path.exists("/dev/kfd"):
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True


def pick_device(name: str) -> torch.device:
    """The device of `device=`; of several processes on a machine each has a graphics card of its own. UserError where
    this machine doesn't have it.

    On a graphics card products of float32 numbers are made exact: by default cuDNN rounds those of recurrent layers to
    10 bits (TF32), which no other family's are.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda" and torchrun.is_used():
        name = f"cuda:{torchrun.local_rank()}"
    kind = name.split(":")[0]
    number = int(name.partition(":")[2] or 0)
    cards = [f"cuda:{card}" for card in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)]
    present = ["cpu", *cards, *(["mps"] if torch.backends.mps.is_available() else [])]
    if (f"cuda:{number}" if kind == "cuda" else kind) not in present:
        raise UserError(
            f"device={name} was asked for, but torch finds none here. Allowed: {', '.join(present)}. "
            "Leave device=auto to take the best."
        )
    if kind == "cuda":
        torch.cuda.set_device(number)
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(name)


def device_text(device: torch.device) -> str:
    """A device as records name it: 'cpu', or 'cuda (NVIDIA H100 80GB HBM3)'."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def saved_model(folder: Path) -> tuple[ModelConfig, Mapping[str, Any]]:
    """The options of a fit's model, and all that its model.json says. UserError where it names a stranger's class."""
    described = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    saved = relocated(described["config"])
    refuse_foreign(saved, folder / MODEL_FILE, described.get("plugins", {}))
    return build(saved, ModelConfig, str(folder / MODEL_FILE)), described  # type: ignore[type-abstract]


def _refuse_foreign_files(folder: Path) -> None:
    """UserError where the model or the tokenizer is of plugin files that the user did not name: all of them at once."""
    tokenizer = saved_tokenizer(folder / TOKENIZER_FILE)
    described = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    both = [relocated(described["config"]), tokenizer.target]
    refuse_foreign(both, folder, {**tokenizer.plugins, **described.get("plugins", {})})


def load_fit(folder: Path, device: torch.device) -> Fit:
    """A finished fit from its folder. UserError where it isn't one, or a file of it is damaged."""
    facts = fit_facts(folder)
    _refuse_foreign_files(folder)
    tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
    config, described = saved_model(folder)
    try:
        with torch.random.fork_rng():  # a new model draws random weights, which the file's then replace
            model = config.build(described["vocab_size"], described["start_token"]).load(folder)
    except BadWeights as error:
        raise UserError(
            f"{folder / WEIGHTS_FILE} can't be used: {error}. Delete the folder {folder} and run its command again."
        ) from None
    except Impossible as error:
        raise UserError(str(error)) from None
    return Fit(facts["fit_id"], folder, model.on(device), tokenizer, facts)
