"""Fits on a graphics card that end with the same bits each time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """A block in which a graphics card adds up gradients in one order, where torch knows one; else those of embeddings
    differ from run to run.

    For attention over long windows torch wants to refuse whatever has no such order. A family that comes from elsewhere
    might not train then, so such attention is left as it is.
    """
    if device.type != "cuda":
        yield
        return
    mode, fills = torch.get_deterministic_debug_mode(), deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    with warnings.catch_warnings(), _set("CUBLAS_WORKSPACE_CONFIG", ":4096:8"):  # torch warns without it
        warnings.filterwarnings("ignore", message="(?i).*determinis")
        torch.set_deterministic_debug_mode("warn")
        deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it would cost time
        try:
            yield
        finally:
            deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
            torch.set_deterministic_debug_mode(mode)


@contextmanager
def _set(variable: str, value: str) -> Iterator[None]:
    """A block in which an environment variable has this value, unless it had one before."""
    if variable in os.environ:
        yield
        return
    os.environ[variable] = value
    try:
        yield
    finally:
        del os.environ[variable]
