"""The options of model=mlp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import check_option
from models.language_model import LanguageModel, NeuralModelConfig, OptimizerName
from models.settings.make import make


@dataclass(frozen=True)
class MLPConfig(NeuralModelConfig):
    """The neural probabilistic language model."""

    family: ClassVar[str] = "mlp"

    # As a search found them (results/reference/tuning).
    optimizer: OptimizerName = "muon"
    width_field: ClassVar[str | None] = "d_model"
    width_step: ClassVar[int] = 8

    context_length: int = 8
    """Tokens before the next one that are looked at, the start token included; 1 or more."""
    d_embedding: int = 32
    """Width of a token's embedding; 1 or more."""
    d_model: int = 256
    """Width of the hidden layer; 1 or more."""
    direct: bool = False
    """Whether the embeddings also reach the output directly, past the hidden layer."""
    dropout: float = 0.0
    """Share of the values that training drops from the embeddings and the hidden layer; 0 up to, not including, 1."""
    learning_rate: float = 0.004
    """Highest learning rate of the schedule; above 0."""
    training_length: int = 64
    """Tokens that each row reads in a training step; 1 or more."""

    def __post_init__(self) -> None:
        for name in ("context_length", "d_embedding", "d_model", "training_length"):
            check_option(self, name, getattr(self, name) >= 1, "1 or more")
        check_option(self, "dropout", 0 <= self.dropout < 1, "0 up to, not including, 1")
        check_option(self, "learning_rate", self.learning_rate > 0, "above 0")

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.mlp.MLP", self, vocab_size, start_token)
