"""Reference models: what the texts of all runs are measured against, the same model for every one of them.

A reference model is a fit like any other, of a family and options that an eval names, to the bytes of the corpus'
training text, once through. It is found under results/fits where some run has made it before.
"""

from __future__ import annotations

from harness.text.data.corpus import Corpus
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.budget import Budget
from harness.training.fits import FitSettings
from harness.training.fitting import obtain
from harness.training.settings import Training
from harness.training.workshop import Workshop
from models.language_model import LanguageModel, ModelConfig


class ReferenceModels:
    """How the evals of a run over this corpus get them (`Material.reference_model`); the latest is kept."""

    def __init__(self, corpus: Corpus, workshop: Workshop) -> None:
        self._corpus, self._workshop = corpus, workshop
        self._latest: tuple[ModelConfig, LanguageModel, Tokenizer] | None = None

    def __call__(self, config: ModelConfig) -> tuple[LanguageModel, Tokenizer]:
        if self._latest is None or self._latest[0] != config:
            once = Budget(tokens=self._corpus.num_bytes("train") + len(self._corpus.train))
            settings = FitSettings(config, ByteTokenizerSettings(), Training(), once, seed=0)
            fit = obtain(settings, self._corpus, self._workshop)
            self._latest = (config, fit.model, fit.tokenizer)
        return self._latest[1:]
