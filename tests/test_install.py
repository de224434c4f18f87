"""The set-up says what it does before it does it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("option", "status", "said"), [("--help", 0, "an environment in .venv"), ("--hlep", 2, "--hlep")]
)
def test_an_option_sets_nothing_up(option: str, status: int, said: str) -> None:
    words = [sys.executable, "-S", "install.py", option]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    assert "Setting up" not in done.stdout
