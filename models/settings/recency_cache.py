"""The options of model=cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from models.checks import check_option
from models.language_model import LanguageModel
from models.settings.combined import CombinedConfig
from models.settings.make import make


@dataclass(frozen=True)
class CacheConfig(CombinedConfig):
    """A fitted model of another family, with a cache beside it."""

    family: ClassVar[str] = "cache"

    size: int = 1000
    """Tokens that are remembered; 1 to 1,000,000."""
    longest_match: int = 10
    """Tokens of the past that are compared with the present at most; 0 to 10,000."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number(len(self.members) == 1, "one")
        check_option(self, "size", 1 <= self.size <= 1_000_000, "1 to 1,000,000")
        check_option(self, "longest_match", 0 <= self.longest_match <= 10_000, "0 to 10,000")

    def combine(self, members: Mapping[str, LanguageModel]) -> LanguageModel:
        return make("models.recency_cache.Cache", self, members)
