"""Tests of evals use their own cache."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(cache: Path) -> None:
    """For every test here."""
