"""The options of model=product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel
from models.settings.combined import CombinedConfig
from models.settings.make import make


@dataclass(frozen=True)
class ProductConfig(CombinedConfig):
    """Fitted models of other families, multiplied."""

    family: ClassVar[str] = "product"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number(len(self.members) >= 1, "one or more")

    def combine(self, members: Mapping[str, LanguageModel]) -> LanguageModel:
        return make("models.product.Product", self, members)
