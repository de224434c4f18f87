"""What a preference model is, and its options. Needs no torch."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.ratings.rating import Rating, Written
from harness.statistics.arrays import Floats

if TYPE_CHECKING:
    from harness.text.tokenizers.tokenizer import Tokenizer
    from models.language_model import LanguageModel

WEIGHTS_FILE = "weights.safetensors"


class PreferenceModel(ABC):
    """A fitted preference model."""

    @abstractmethod
    def scores(self, prompts: Sequence[str], replies: Sequence[Written]) -> Floats:
        """(N,): greater where a reply is better. The difference of two is the log-odds that one is preferred."""

    @abstractmethod
    def tensors(self) -> Mapping[str, Any]:
        """What was learnt, as numpy arrays by name."""

    def described(self) -> Mapping[str, Any]:
        """What else it needs to be loaded, as plain values."""
        return {}


@dataclass(frozen=True)
class Backbone:
    """The fit before the stage, for preference models that are made of it."""

    model: LanguageModel
    """It must not be changed."""
    tokenizer: Tokenizer
    seed: int


@dataclass(frozen=True, kw_only=True)
class Preference(ABC):
    """A frozen dataclass of a preference model's options."""

    version: ClassVar[int] = 1
    """Incremented when the same options give another model of the same ratings."""
    maker: ClassVar[str]
    """Where what is done with it is: a module with functions `fit` and `loaded`, which may need torch."""
    needs_fit: ClassVar[bool] = False
    """Whether it is made of the fit before the stage, and not of ratings alone."""

    def why_not(self, model: LanguageModel) -> str | None:
        """Why it can't be made of a fit's model, as a sentence for the user; None where it can."""
        return None

    def fit(self, ratings: Sequence[Rating], backbone: Backbone) -> PreferenceModel:
        """Learn from ratings. UserError where that isn't possible."""
        fitted: PreferenceModel = importlib.import_module(self.maker).fit(self, ratings, backbone)
        return fitted

    def loaded(self, tensors: Mapping[str, Any], described: Mapping[str, Any], backbone: Backbone) -> PreferenceModel:
        """The model of which these were saved."""
        model: PreferenceModel = importlib.import_module(self.maker).loaded(self, tensors, described, backbone)
        return model
