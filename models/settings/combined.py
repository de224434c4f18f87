"""The options that all families have which combine fitted models of others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from models.language_model import LanguageModel, ModelConfig


@dataclass(frozen=True)
class CombinedConfig(ModelConfig):
    """The members of a combination, by name; each member is fitted by its own options."""

    members: dict[str, ModelConfig] = field(default_factory=dict)
    """The families that are combined, each with its options."""

    def __post_init__(self) -> None:
        for name, member in self.members.items():
            if not isinstance(member, ModelConfig):
                raise ValueError(f"members.{name} is not a model but {member!r}; name an option of model=.")

    @property
    def is_deterministic(self) -> bool:
        return all(member.is_deterministic for member in self.members.values())

    @property
    def uses_num_params(self) -> bool:
        return any(member.uses_num_params for member in self.members.values())

    @abstractmethod
    def combine(self, members: Mapping[str, LanguageModel]) -> LanguageModel:
        """The combination of these models, fitted ones or not, by the names of `members`: a CombinedModel
        (models/combined.py), not yet tuned."""

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return self.combine({name: member.build(vocab_size, start_token) for name, member in self.members.items()})

    def check_number(self, possible: bool, allowed: str) -> None:
        """ValueError with a sentence for the user, unless this number of members is `possible`."""
        if not possible:
            raise ValueError(
                f"model={self.family}: members are {', '.join(self.members) or 'none'}, but there must be {allowed}. "
                "Add one with +model@model.members.NAME=FAMILY, leave one out with ~model@model.members.NAME."
            )
