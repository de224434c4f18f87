"""The models' contract (models/checking/contract.py), held against an option of model= or a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.config.identity import plain
from harness.config.settings import build
from harness.plugin_kit.outcome import Outcome, outcomes
from harness.plugin_kit.picked import picked
from models.checking.contract import FAMILY_CHECKS, FIT_CHECKS, LONG_CHECKS, hold
from models.checking.trial import MARKOV, Subject
from models.language_model import ModelConfig


def it_can_be_fitted(of: Subject) -> None:
    hold(of.model.vocab_size == MARKOV.size, f"it has {of.model.vocab_size} tokens where there are {MARKOV.size}")


def its_settings_survive_storage(of: Subject) -> None:
    again = build(plain(of.config), ModelConfig, "model")  # type: ignore[type-abstract]
    hold(again == of.config, f"{again} came back where {of.config} was stored")


def it_says_its_family(of: Subject) -> None:
    family = getattr(of.config, "family", None)
    hold(isinstance(family, str) and family.isidentifier(), f"its family is {family!r}: a word, as 'lstm'")


CHECKS = (it_can_be_fitted, it_says_its_family, its_settings_survive_storage, *FIT_CHECKS, *FAMILY_CHECKS, *LONG_CHECKS)


def check_model(name: str, overrides: Sequence[str] = ()) -> Iterator[Outcome]:
    """Hold a family, fitted for a moment to a small random chain, to the contract. UserError where there is none."""
    config = build(picked("model", name, overrides)["model"], ModelConfig, "model")  # type: ignore[type-abstract]
    return outcomes(CHECKS, Subject(config, MARKOV))
