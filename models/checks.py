"""Checks that several families share: a user's options, and token ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.language_model import ModelConfig


class Impossible(ValueError):
    """What the user asked for can't be done with this text or vocabulary; the message is for the user."""


def check_option(config: ModelConfig, name: str, possible: bool, allowed: str) -> None:
    """Raise ValueError, with a sentence for the user, unless option `name` of this config is possible."""
    if not possible:
        raise ValueError(
            f"model={config.family}: {name} is {getattr(config, name)!r}, but it must be {allowed}. "
            f"Set model.{name} to such a value."
        )


def check_tokens(tokens: NDArray[np.int64], vocab_size: int) -> None:
    """Raise ValueError where an id isn't in the vocabulary: a table look-up would silently find another token's."""
    if tokens.size and (tokens.min() < 0 or tokens.max() >= vocab_size):
        raise ValueError(
            f"Token ids lie between {tokens.min()} and {tokens.max()}, but the vocabulary is 0 to {vocab_size - 1}. "
            "Was the text encoded with another tokenizer than the model's?"
        )
