"""Models of other runs, for decoding strategies that need one, as a draft model."""

from __future__ import annotations

from harness.runs.lookup import find_fit
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fits import Fit, load_fit
from harness.training.workshop import Workshop
from models.language_model import LanguageModel


class OtherModels:
    """Loads the model of a fit, or of the fit that a run used, for a decoding strategy. Keeps the latest one in
    memory."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._latest: tuple[str, Fit] | None = None

    def __call__(self, name: str) -> tuple[LanguageModel, Tokenizer]:
        if self._latest is None or self._latest[0] != name:
            folder = self._workshop.elsewhere.get(name) or find_fit(name, self._workshop.results.path)
            self._latest = (name, load_fit(folder, self._workshop.device))
        fit = self._latest[1]
        return fit.model, fit.tokenizer
