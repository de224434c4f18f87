"""Shared by all tests: one thread for each process (the suite runs in parallel), no network, and the folders that tests
may write to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# A busy machine fails no test; a campaign tries more.
settings.register_profile("usual", deadline=None, max_examples=40)
settings.register_profile("campaign", deadline=None, max_examples=400)
settings.load_profile("usual")
ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr == "campaign":
        settings.load_profile("campaign")


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of reference data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("BAKEOFF_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder} (set BAKEOFF_REFERENCE_DATA)")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache for the tests; the plays are linked into it if the user has fetched them."""
    # numpy must not load before the number of threads is set
    from harness.text.data.disk_cache import CACHE_VARIABLE
    from harness.text.data.shakespeare import plays_folder

    fetched = plays_folder()
    folder = tmp_path_factory.mktemp("cache")
    if fetched.is_dir():
        (folder / fetched.name).symlink_to(fetched.resolve())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder
