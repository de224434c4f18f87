"""Where ratings come from: an option of `ratings=`. Needs no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from harness.common.results_folder import bank_in
from harness.completion.reward import Material
from harness.ratings.bank import Bank
from harness.ratings.gold import GoldUtility


@dataclass(frozen=True, kw_only=True)
class RatingsSource(ABC):
    """A frozen dataclass of options of where ratings come from."""

    version: ClassVar[int] = 1
    """Incremented when the same options give other ratings than before."""

    @abstractmethod
    def bank(self, material: Material) -> Bank:
        """The bank of ratings: found, or made of what a stage has. UserError where there can't be one."""

    def gold(self, material: Material) -> GoldUtility | None:
        """What the raters' noise is around; None where nobody knows."""
        return None


@dataclass(frozen=True, kw_only=True)
class RatedBank(RatingsSource):
    """ratings=bank: a bank that is there, as one that people rated."""

    name: str = field(metadata={"changes_results": False})
    """Of the bank, as in results/ratings/NAME."""
    folder: str = field(default="results/ratings", metadata={"changes_results": False})
    """Where banks are."""

    @cached_property
    def content_sha256(self) -> str:
        """Of its ratings: they say what is made of them, the name doesn't. UserError where there are none."""
        bank = Bank(bank_in(Path(self.folder), self.name))
        bank.ratings()
        return bank.content_sha256

    def bank(self, material: Material) -> Bank:
        return Bank(bank_in(Path(self.folder), self.name))
