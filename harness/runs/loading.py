"""Loading the fit that a run scored."""

from __future__ import annotations

from pathlib import Path

import torch

from harness.completion.engine import FindModel
from harness.runs.lookup import find_run
from harness.runs.record import RunRecord
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fits import FIT_FILE, Fit, load_fit
from models.language_model import LanguageModel


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
    """How a decoding strategy gets another run's model; the latest is kept."""
    latest: Fit | None = None

    def find(name: str) -> tuple[LanguageModel, Tokenizer]:
        nonlocal latest
        wanted = fit_of(name, results_dir)
        if latest is None or latest.id != wanted:
            latest = load_fit(results_dir / "fits" / wanted, device)
        return latest.model, latest.tokenizer

    return find
