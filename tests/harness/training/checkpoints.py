"""Fits that are killed and continue from their checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.training.checkpoint import Checkpoint


@contextmanager
def killed_after(num_checkpoints: int) -> Iterator[None]:
    """In this block a fit is killed when it has written so many checkpoints."""
    write = Checkpoint.write
    written = 0

    def write_or_die(checkpoint: Checkpoint, *content: Any) -> None:
        nonlocal written
        if written == num_checkpoints:
            raise KeyboardInterrupt
        written += 1
        write(checkpoint, *content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", write_or_die)
        try:
            yield
        except KeyboardInterrupt:
            return
    pytest.fail(f"the fit ended before it wrote {num_checkpoints + 1} checkpoints")
