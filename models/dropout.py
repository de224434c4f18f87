"""Dropout that doesn't call torch where its rate is 0."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def drop(x: Tensor, dropout: float) -> Tensor:
    """Set a share `dropout` of the values to zero and scale up the others; at 0 it draws no random numbers."""
    return F.dropout(x, dropout) if dropout else x
