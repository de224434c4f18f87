"""Whether something comes out the same in another process, where hashes of texts, and so the order of sets, differ.

As a program it is that other process: `python -m harness.plugin_kit.elsewhere MODULE CLASS NAME OVERRIDE...` makes a
trial again and prints its digest.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

_HASH_SEED = "12345"


class Trial(Protocol):
    """What is on trial, made from an option's name and overrides."""

    @property
    def name(self) -> str: ...
    @property
    def overrides(self) -> Sequence[str]: ...
    def digest(self) -> str:
        """A hash of what must be the same in every process."""


def is_the_same_elsewhere(trial: Trial) -> bool:
    """Whether another process gives the same digest. RuntimeError where it fails."""
    cls = type(trial)
    command = [sys.executable, "-m", __name__, cls.__module__, cls.__qualname__, trial.name, *trial.overrides]
    environment = {**os.environ, "PYTHONHASHSEED": _HASH_SEED, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"another process could not make it: {''.join(last)}")
    return done.stdout.strip() == trial.digest()


if __name__ == "__main__":
    module, name, *arguments = sys.argv[1:]
    print(getattr(importlib.import_module(module), name)(arguments[0], arguments[1:]).digest())
