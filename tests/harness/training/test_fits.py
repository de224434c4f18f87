"""Fits as they are found on disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.training.fits import FitSettings, load_fit
from harness.training.fitting import obtain
from harness.training.workshop import Workshop, load_corpus
from models.language_model import WEIGHTS_FILE

CPU = torch.device("cpu")


def test_n_gram_weights_that_point_outside_their_arrays_are_refused_by_name(tmp_path: Path) -> None:
    settings = typed(compose(["data=chatterbot", "tracking=none", "model=ngram", "model.order=2", "tokenizer=byte"]))
    wanted = FitSettings(settings.model, settings.tokenizer, settings.training, settings.budget, settings.seed)
    folder = obtain(wanted, load_corpus(settings.data), Workshop(ResultsFolder(tmp_path), CPU)).folder
    weights = load_file(folder / WEIGHTS_FILE)
    save_file({**weights, "tokens": torch.full_like(weights["tokens"], 715827882)}, folder / WEIGHTS_FILE)
    with pytest.raises(UserError, match=f"{re.escape(str(folder / WEIGHTS_FILE))} can't be used: the array 'tokens'"):
        load_fit(folder, CPU)
