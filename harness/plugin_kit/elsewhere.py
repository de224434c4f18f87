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

from harness.plugin_kit.outcome import hold, told

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
    """Whether another process gives the same digest. AssertionError where it gives
    none."""
    here, cls = trial.digest(), type(trial)
    command = [sys.executable, "-m", __name__, cls.__module__, cls.__qualname__, trial.name, *trial.overrides]
    environment = {**os.environ, "PYTHONHASHSEED": _HASH_SEED, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    last = done.stderr.strip().splitlines()[-1:]
    hold(done.returncode == 0, f"another process could not make it: {''.join(last)}")
    return done.stdout.strip() == here


def _print_digest(module: str, name: str, option: str, *overrides: str) -> None:
    """The other process: print the digest of a trial made again, or end with one line about the error."""
    try:
        print(getattr(importlib.import_module(module), name)(option, overrides).digest())
    except Exception as error:
        sys.exit(told(error))


if __name__ == "__main__":
    _print_digest(*sys.argv[1:])
