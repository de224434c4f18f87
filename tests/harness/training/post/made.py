"""Fits with stages of post-training, small ones over data=chatterbot."""

from __future__ import annotations

import functools
from pathlib import Path

import torch

from harness.common.results_folder import ResultsFolder
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.corpus import Corpus
from harness.training.fits import Fit, FitSettings
from harness.training.fitting import obtain
from harness.training.workshop import Workshop, load_corpus

SMALL = ["data=chatterbot", "tracking=none", "tokenizer=char", "budget.tokens=20000", "training.batch_tokens=256"]
SMALL += ["training.validation_bytes=2000", "training.num_validations=2", "training.num_curve_rows=4"]
SMALL_GRU = ["model=gru", "model.d_model=16", "model.training_length=32"]


@functools.cache
def corpus() -> Corpus:
    return load_corpus(typed(compose(SMALL)).data)


def wanted(*overrides: str) -> FitSettings:
    settings = typed(compose([*SMALL, *overrides]))
    stages = settings.post
    return FitSettings(settings.model, settings.tokenizer, settings.training, settings.budget, settings.seed, stages)


def made(results: Path, *overrides: str) -> Fit:
    return obtain(wanted(*overrides), corpus(), Workshop(ResultsFolder(results), torch.device("cpu")))
