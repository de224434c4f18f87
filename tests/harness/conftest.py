"""A finished run, shared by tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import bakeoff
from tests.harness.small_run import LSTM, SMALL


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small LSTM's run with all evals, without an interruption."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    bakeoff(folder, "run", *SMALL, *LSTM, fresh=True)
    return folder
