"""preference=head: the fit's own network, with one number read from its hidden values at the last token of a reply.

The head begins at N(0, 1/sqrt(d + 1)) with bias 0, d being the number of hidden values (Stiennon et al. 2020). Head and
network learn all ratings once, by the loss of Bradley and Terry, at a rate that falls to 0.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.common.options import check_least, check_option
from harness.preferences.preference import Preference

if TYPE_CHECKING:
    from models.language_model import LanguageModel


@dataclass(frozen=True, kw_only=True)
class Head(Preference):
    """Options of preference=head."""

    maker: ClassVar[str] = "harness.preferences.network_with_head"
    needs_fit: ClassVar[bool] = True

    learning_rate_share: float = 0.3
    """The peak of the learning rate, as a share of model.learning_rate; it falls to 0."""
    pairs_per_step: int = 32
    """Pairs whose replies are learnt from in one step."""

    def why_not(self, model: LanguageModel) -> str | None:
        why: str | None = importlib.import_module(self.maker).why_not(model)
        return why

    def __post_init__(self) -> None:
        check_least(self, pairs_per_step=1)
        check_option(self, "learning_rate_share", self.learning_rate_share > 0, "above 0")
