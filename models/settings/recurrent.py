"""The options that all recurrent families have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import MOST_LAYERS, check_option
from models.language_model import NeuralModelConfig


@dataclass(frozen=True)
class RecurrentConfig(NeuralModelConfig):
    """The options of every recurrent family."""

    width_field: ClassVar[str | None] = "d_model"
    width_step: ClassVar[int] = 8

    num_layers: int = 1
    """Recurrent layers, stacked; 1 to 1,000."""
    d_model: int = 256
    """Width of each layer's hidden state; 1 or more."""
    d_embedding: int | None = None
    """Width of the embeddings, 1 or more; None: d_model, as tie_embeddings needs. A small vocabulary needs no more
    than its size, and the parameters that are saved go to the hidden state."""
    dropout: float = 0.0
    """Share of the values that training drops from each layer's input and the output's; 0 up to, not including, 1."""
    tie_embeddings: bool = True
    """Whether one matrix serves as embedding and as output."""
    learning_rate: float = 4e-3
    """Highest learning rate of the schedule; above 0."""
    training_length: int = 64
    """Tokens that each row reads in a training step: how far back gradients go. The state is carried on. 1 or more."""

    def __post_init__(self) -> None:
        check_option(self, "num_layers", 1 <= self.num_layers <= MOST_LAYERS, f"1 to {MOST_LAYERS:,}")
        check_option(self, "d_model", self.d_model >= 1, "1 or more")
        check_option(self, "d_embedding", self.d_embedding is None or self.d_embedding >= 1, "1 or more, or null")
        check_option(
            self,
            "tie_embeddings",
            not self.tie_embeddings or self.d_embedding in (None, self.d_model),
            f"false with d_embedding={self.d_embedding}, which isn't d_model={self.d_model}: one matrix can't have "
            "both widths",
        )
        check_option(self, "dropout", 0 <= self.dropout < 1, "0 up to, not including, 1")
        check_option(self, "learning_rate", self.learning_rate > 0, "above 0")
        check_option(self, "training_length", self.training_length >= 1, "1 or more")
