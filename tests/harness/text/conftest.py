"""Tests of texts write to a cache of their own; the plays, where the user has fetched them, are linked into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.text.cache import CACHE_VARIABLE
from harness.text.shakespeare import plays_folder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    fetched = plays_folder()
    folder = tmp_path_factory.mktemp("cache")
    if fetched.is_dir():
        (folder / fetched.name).symlink_to(fetched.resolve())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that is not there yet."""
    folder = tmp_path / "own-cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def plays(cache: Path) -> Path:
    """The folder of the plays; tests that need it are skipped where the plays haven't been fetched."""
    if not plays_folder().is_dir():
        pytest.skip("the plays are not in the cache: run `bakeoff fetch` once")
    return plays_folder()
