"""The options of model=ssm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import MOST_HEADS, check_option
from models.language_model import LanguageModel, OptimizerName
from models.settings.make import make
from models.settings.residual import ResidualConfig


@dataclass(frozen=True)
class SSMConfig(ResidualConfig):
    """A selective state space."""

    family: ClassVar[str] = "ssm"

    # As a search found them (results/reference/tuning).
    num_layers: int = 4
    d_model: int = 96
    training_length: int = 64
    learning_rate: float = 0.0041
    optimizer: OptimizerName = "muon"

    mlp_ratio: float = 0.0
    """Width of each MLP's hidden layer, in d_model; 0: no MLPs, as in Mamba."""
    expansion: int = 2
    """Width of the state space's channels, in d_model; 1 or more."""
    num_heads: int = 4
    """Groups of channels that decay alike; expansion * d_model must be a multiple of it. 1 or more."""
    state_size: int = 8
    """Numbers that are kept for each channel; 1 or more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_option(self, "expansion", self.expansion >= 1, "1 or more")
        check_option(self, "num_heads", 1 <= self.num_heads <= MOST_HEADS, f"1 to {MOST_HEADS:,}")
        check_option(self, "state_size", self.state_size >= 1, "1 or more")
        check_option(
            self,
            "d_model",
            self.expansion * self.d_model % self.num_heads == 0,
            f"such that expansion * d_model is a multiple of num_heads ({self.num_heads})",
        )

    @property
    def width_multiple(self) -> int:
        return self.num_heads

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.ssm.SSM", self, vocab_size, start_token)
