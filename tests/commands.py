"""Commands as a user gives them: whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "harness.cli.main", *arguments]


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **extra}


def bakeoff(folder: Path, *arguments: str, status: int = 0, **extra: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments), cwd=folder, env=environment(**extra), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done
