"""The options of model=mingru and model=minlstm."""

from __future__ import annotations

from dataclasses import dataclass

from models.checks import check_option
from models.settings.residual import ResidualConfig


@dataclass(frozen=True)
class MinimalRecurrentConfig(ResidualConfig):
    """The options of both minimal recurrent families."""

    expansion: float = 1.5
    """Width of each recurrent layer, in d_model; above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_option(self, "expansion", round(self.expansion * self.d_model) >= 1, "above 0")
