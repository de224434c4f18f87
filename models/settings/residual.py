"""The options that all families of residual blocks with a carried state have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import MOST_LAYERS, check_option
from models.language_model import NeuralModelConfig


@dataclass(frozen=True)
class ResidualConfig(NeuralModelConfig):
    """The options of every family of residual blocks."""

    width_field: ClassVar[str | None] = "d_model"
    width_step: ClassVar[int] = 8

    num_layers: int = 2
    """Blocks; 1 to 1,000."""
    d_model: int = 128
    """Width of the residual stream; 1 or more."""
    mlp_ratio: float = 2.0
    """Width of each MLP's hidden layer, in d_model; 0: no MLPs."""
    dropout: float = 0.0
    """Share of the values that training drops from the embedding and from what each block adds; 0 up to 1."""
    tie_embeddings: bool = True
    """Whether one matrix serves as embedding and as output."""
    learning_rate: float = 4e-3
    """Highest learning rate of the schedule; above 0."""
    training_length: int = 64
    """Tokens that each row reads in a training step: how far back gradients go. The state is carried on. 1 or more."""

    def __post_init__(self) -> None:
        check_option(self, "num_layers", 1 <= self.num_layers <= MOST_LAYERS, f"1 to {MOST_LAYERS:,}")
        check_option(self, "d_model", self.d_model >= 1, "1 or more")
        check_option(self, "mlp_ratio", self.mlp_ratio >= 0, "0 or more")
        check_option(self, "dropout", 0 <= self.dropout < 1, "0 up to, not including, 1")
        check_option(self, "learning_rate", self.learning_rate > 0, "above 0")
        check_option(self, "training_length", self.training_length >= 1, "1 or more")
