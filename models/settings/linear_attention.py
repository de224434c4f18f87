"""The options of model=linear_attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import MOST_HEADS, check_option
from models.language_model import LanguageModel, OptimizerName
from models.settings.make import make
from models.settings.residual import ResidualConfig


@dataclass(frozen=True)
class LinearAttentionConfig(ResidualConfig):
    """Gated linear attention."""

    family: ClassVar[str] = "linear_attention"

    # As a search found them (results/reference/tuning).
    num_layers: int = 3
    d_model: int = 104
    training_length: int = 32
    learning_rate: float = 0.0089
    optimizer: OptimizerName = "muon"

    num_heads: int = 8
    """Attention heads; 1 to 1,000."""
    key_ratio: float = 0.5
    """Width of queries and keys, in d_model; above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_option(self, "num_heads", 1 <= self.num_heads <= MOST_HEADS, f"1 to {MOST_HEADS:,}")
        check_option(self, "key_ratio", self.key_ratio > 0, "above 0")
        check_option(self, "d_model", self.d_model % self.num_heads == 0, f"a multiple of num_heads ({self.num_heads})")

    @property
    def width_multiple(self) -> int:
        return self.num_heads

    @property
    def key_width(self) -> int:
        """Width of a head's queries and keys."""
        return max(1, round(self.key_ratio * self.d_model / self.num_heads))

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.linear_attention.LinearAttention", self, vocab_size, start_token)
