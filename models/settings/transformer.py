"""The options of model=transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import check_option
from models.language_model import LanguageModel, NeuralModelConfig
from models.settings.make import make


@dataclass(frozen=True)
class TransformerConfig(NeuralModelConfig):
    """A decoder-only transformer."""

    family: ClassVar[str] = "transformer"
    width_field: ClassVar[str | None] = "d_model"

    num_layers: int = 4
    """Blocks; 1 or more."""
    num_heads: int = 4
    """Attention heads; 1 or more."""
    d_model: int = 128
    """Width of the residual stream; a multiple of 2 * num_heads."""
    context_length: int = 256
    """Most tokens in a window, the start token included, and what a training step reads; 1 or more."""
    stride: int | None = None
    """Tokens by which the window slides on when it is full; 1 to context_length; None: half of it."""
    mlp_ratio: float = 4.0
    """Width of each MLP's hidden layer, in d_model; above 0."""
    dropout: float = 0.0
    """Share of the values that training drops from the embedding, the attention and each block's output; 0 up to 1."""
    tie_embeddings: bool = True
    """Whether one matrix serves as embedding and as output."""
    learning_rate: float = 2e-3
    """Highest learning rate of the schedule; above 0."""

    def __post_init__(self) -> None:
        check_option(self, "num_layers", self.num_layers >= 1, "1 or more")
        check_option(self, "num_heads", self.num_heads >= 1, "1 or more")
        check_option(
            self,
            "d_model",
            self.d_model >= 1 and self.d_model % self.width_multiple == 0,
            f"a multiple of {self.width_multiple} (2 * num_heads: rotary positions need heads of even width)",
        )
        check_option(self, "context_length", self.context_length >= 1, "1 or more")
        check_option(
            self,
            "stride",
            self.stride is None or 1 <= self.stride <= self.context_length,
            f"1 to context_length ({self.context_length}), or null for half of it",
        )
        check_option(self, "mlp_ratio", round(self.mlp_ratio * self.d_model) >= 1, "above 0")
        check_option(self, "dropout", 0 <= self.dropout < 1, "0 up to, not including, 1")
        check_option(self, "learning_rate", self.learning_rate > 0, "above 0")

    @property
    def width_multiple(self) -> int:
        return 2 * self.num_heads

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.transformer.Transformer", self, vocab_size, start_token)
