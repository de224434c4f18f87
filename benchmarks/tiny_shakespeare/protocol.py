"""How a family is fitted to Tiny Shakespeare and scored: nanoGPT's split, characters, one pass over the whole text."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.published.fitting import stream_of
from benchmarks.published.shakespeare import read
from harness.common.seeds import seed_of
from harness.scoring.likelihood import document_logprobs
from harness.text.tokenizers.char import CharTokenizer
from harness.training.budget import Budget, solve_width
from harness.training.curve import Spent, Validation
from harness.training.settings import Training
from harness.training.training import fit
from models.language_model import LanguageModel, NeuralModelConfig
from models.settings.gru import GRUConfig
from models.settings.linear_attention import LinearAttentionConfig
from models.settings.lstm import LSTMConfig
from models.settings.mingru import MinGRUConfig
from models.settings.minlstm import MinLSTMConfig
from models.settings.mlp import MLPConfig
from models.settings.rnn import RNNConfig
from models.settings.ssm import SSMConfig
from models.settings.transformer import TransformerConfig

SETTINGS_FILE = Path(__file__).with_name("settings.yaml")
NUM_PARAMS = 800_000
"""Of every family, as nanoGPT's model has; a width is solved for it."""
HELD_OUT = 0.1
"""Share of the training text, its end, that settings are chosen on."""
FAMILIES: dict[str, type[NeuralModelConfig]] = {
    "mlp": MLPConfig,
    "rnn": RNNConfig,
    "lstm": LSTMConfig,
    "gru": GRUConfig,
    "mingru": MinGRUConfig,
    "minlstm": MinLSTMConfig,
    "ssm": SSMConfig,
    "linear_attention": LinearAttentionConfig,
    "transformer": TransformerConfig,
}


@dataclass(frozen=True)
class Text:
    """What is fitted and what is scored, as token ids."""

    tokenizer: CharTokenizer
    train: np.ndarray
    scored: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> Text:
        """nanoGPT's split."""
        return cls(*read(folder))

    def for_choosing(self) -> Text:
        """The same with the end of the training text in place of the validation text, which is left out."""
        cut = int((1 - HELD_OUT) * len(self.train))
        return dataclasses.replace(self, train=self.train[:cut], scored=self.train[cut:])


@dataclass(frozen=True)
class Settings:
    """A family's settings: options of its model and of its training that differ from the defaults."""

    family: str
    model: dict[str, Any]
    training: dict[str, Any]

    @classmethod
    def read(cls, family: str) -> Settings:
        """Those of settings.yaml."""
        chosen = yaml.safe_load(SETTINGS_FILE.read_text(encoding="utf-8"))[family]
        return cls(family, chosen.get("model", {}), chosen.get("training", {}))

    def model_config(self, vocab_size: int) -> NeuralModelConfig:
        """With the width that has NUM_PARAMS parameters."""
        config = solve_width(FAMILIES[self.family](**self.model), NUM_PARAMS, vocab_size)
        assert isinstance(config, NeuralModelConfig)
        return config


@dataclass(frozen=True)
class Fitted:
    """A fitted model, what it cost, and the rows of its training curve."""

    model: LanguageModel
    spent: Spent
    curve: list[dict[str, Any]]


def fitted(settings: Settings, text: Text, budget: Budget, seed: int) -> Fitted:
    """A family fitted to the training text; it ends with its last weights, chosen by no text."""
    torch.manual_seed(seed_of("weights", seed))
    tokenizer = text.tokenizer
    model = settings.model_config(tokenizer.vocab_size).build(tokenizer.vocab_size, tokenizer.start_token)
    # with num_validations=1 validation text only checks the end of the fit; the training text's beginning will do
    training, validation = Training(num_validations=1, **settings.training), Validation([text.train[:64]], 64)
    stream = stream_of(tokenizer.start_token, [text.train])
    with tempfile.TemporaryDirectory() as folder:
        spent, curve = fit(model, stream, validation, training, budget, seed, Path(folder), say=lambda message: None)
    return Fitted(model, spent, curve)


def losses(model: LanguageModel, text: Text) -> np.ndarray:
    """Nats of each character of the scored text, (N,) float64, read in one pass from its beginning."""
    [logprobs] = document_logprobs(model, [text.scored])
    return -logprobs.astype(np.float64)
