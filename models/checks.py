"""Checks that several families share: a user's options, and token ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.language_model import ModelConfig

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

MOST_LAYERS = 1000
"""Each layer is made by itself: a million of them would take hours, however narrow."""
MOST_HEADS = 1000


class Impossible(ValueError):
    """The user's request can't be met with this text or vocabulary. The message is for the user."""


class BadWeights(Impossible):
    """Weights from a file that this model can't have saved. The message names the array; the caller knows the file."""


def stored_array(tensors: Mapping[str, Tensor], name: str, dtype: torch.dtype, shape: tuple[int | None, ...]) -> Tensor:
    """The array `name` of a weights file. BadWeights unless it has this type and shape (None: any length)."""
    if name not in tensors:
        raise BadWeights(f"the array {name!r} is missing")
    tensor = tensors[name]
    fits = tensor.dim() == len(shape) and all(
        expected in (None, size) for size, expected in zip(tensor.shape, shape, strict=True)
    )
    if tensor.dtype != dtype or not fits:
        sizes = ", ".join("any" if expected is None else str(expected) for expected in shape)
        raise BadWeights(
            f"the array {name!r} has the type {tensor.dtype} and the shape {tuple(tensor.shape)}, but must have "
            f"{dtype} and ({sizes})"
        )
    return tensor


def check_stored(name: str, valid: bool, required: str) -> None:
    """Raise BadWeights unless the values of the array `name` are as `required`."""
    if not valid:
        raise BadWeights(f"the array {name!r} has impossible values: {required}")


def check_option(config: ModelConfig, name: str, possible: bool, allowed: str) -> None:
    """Raise ValueError, with a sentence for the user, unless option `name` of this config is possible."""
    if not possible:
        value = getattr(config, name)
        raise ValueError(f"{name}={value!r} is not allowed for model={config.family}: it must be {allowed}")


def check_tokens(tokens: NDArray[np.int64], vocab_size: int) -> None:
    """Raise ValueError where an id isn't in the vocabulary: a table look-up would silently give another token's
    value."""
    if tokens.size and (tokens.min() < 0 or tokens.max() >= vocab_size):
        raise ValueError(
            f"Token ids lie between {tokens.min()} and {tokens.max()}, but the vocabulary is 0 to {vocab_size - 1}. "
            "Was the text encoded with another tokenizer than the model's?"
        )
