"""The options of model=mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel
from models.settings.combined import CombinedConfig
from models.settings.make import make


@dataclass(frozen=True)
class MixtureConfig(CombinedConfig):
    """Fitted models of other families, mixed."""

    family: ClassVar[str] = "mixture"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number(len(self.members) >= 2, "two or more")

    def combine(self, members: Mapping[str, LanguageModel]) -> LanguageModel:
        return make("models.mixture.Mixture", self, members)
