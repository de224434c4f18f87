"""Reference models: the texts of all runs over a corpus are measured against the same model.

A reference model is a fit like any other: one pass over the bytes of the corpus' training text, by a family and options
that an eval names. It lies under results/fits and is made only once.
"""

from __future__ import annotations

from harness.common.results_folder import FIT_FILE
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.budget import Budget
from harness.training.fits import FitSettings, fit_id, log
from harness.training.fitting import obtain
from harness.training.settings import Training
from harness.training.workshop import Workshop
from models.language_model import LanguageModel, ModelConfig


class ReferenceModels:
    """Gives the evals of a run their reference models (`Material.reference_model`); the latest is kept in memory."""

    def __init__(self, corpus: Corpus, workshop: Workshop) -> None:
        self._corpus, self._workshop = corpus, workshop
        self._latest: tuple[ModelConfig, LanguageModel, Tokenizer] | None = None

    def __call__(self, config: ModelConfig) -> tuple[LanguageModel, Tokenizer]:
        if self._latest is None or self._latest[0] != config:
            one_pass = Budget(tokens=self._corpus.num_bytes("train") + len(self._corpus.train))
            settings = FitSettings(config, ByteTokenizerSettings(), Training(), one_pass, seed=0)
            if not (self._workshop.results.fit(fit_id(settings, self._corpus)) / FIT_FILE).exists():
                log.info(
                    "an eval measures texts against a reference model (%s), the same for every run over this data set: "
                    "it is fitted once to the bytes of the training text, and kept",
                    config.family,
                )
            fit = obtain(settings, self._corpus, self._workshop)
            self._latest = (config, fit.model, fit.tokenizer)
        return self._latest[1:]
