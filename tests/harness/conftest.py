"""A finished run, shared by the tests that look at one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import bakeoff
from tests.harness.small_run import LSTM, SMALL


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a small LSTM was fitted and asked everything, without a stop."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    bakeoff(folder, "run", *SMALL, *LSTM, fresh=True)
    return folder
