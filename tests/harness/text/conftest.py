"""Tests of texts use their own cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.text.data.disk_cache import CACHE_VARIABLE
from harness.text.data.shakespeare import plays_folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(cache: Path) -> None:
    """For every test here."""


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that doesn't exist yet."""
    folder = tmp_path / "own-cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def plays(cache: Path) -> Path:
    """The folder of the plays; tests that need it are skipped where the plays haven't been fetched."""
    if not plays_folder().is_dir():
        pytest.skip("the plays are not in the cache: run `bakeoff fetch` once")
    return plays_folder()
