"""What torchrun told this process: that it is one of several, and which. It needs no torch."""

from __future__ import annotations

import os

_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def is_used() -> bool:
    """Whether torchrun started this process, as one of several."""
    return all(name in os.environ for name in _VARIABLES) and num_processes() > 1


def num_processes() -> int:
    """How many processes there are, on all machines together; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ["RANK"]) if is_used() else 0


def local_rank() -> int:
    """The number of this process among those of its machine, from 0."""
    return int(os.environ["LOCAL_RANK"]) if is_used() else 0
