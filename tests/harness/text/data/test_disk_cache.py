from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from harness.text.data import disk_cache as cache_module
from harness.text.data.disk_cache import CACHE_VARIABLE, cache_folder, cached_json

THIS = sys.modules[__name__]


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv(CACHE_VARIABLE, "")
    assert cache_folder().name == "bakeoff"


def test_content_made_once_is_read_again(empty_cache: Path) -> None:
    assert cached_json("kind", "source", [THIS], lambda: ["\ud800", 1]) == ["\ud800", 1]
    assert cached_json("kind", "source", [THIS], pytest.fail) == ["\ud800", 1]


def test_another_source_or_module_is_made_again(empty_cache: Path) -> None:
    def modules(*names: str) -> list[ModuleType]:
        return [sys.modules[name] for name in names]

    keys = [
        ("a", [THIS]),
        ("b", [THIS]),
        ("a", modules("harness.common.errors")),
        ("a", modules("harness.common.errors", __name__)),
    ]
    for number, (source, made_by) in enumerate(keys):
        assert cached_json("kind", source, made_by, lambda number=number: number) == number


def test_a_damaged_file_is_made_again_in_the_cache(empty_cache: Path) -> None:
    cached_json("kind", "source", [THIS], lambda: 1)
    (file,) = (empty_cache / "kind").iterdir()
    whole = file.read_bytes()
    for damage, value in ((b"{", 2), (b"", 3), (whole[:-1], 4), (whole[:-1] + b"7", 5), (bytes(len(whole)), 6)):
        file.write_bytes(damage)
        assert cached_json("kind", "source", [THIS], lambda value=value: value) == value


def test_a_cache_that_can_not_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    monkeypatch.setattr(cache_module, "_warned_of", set())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [cached_json("kind", "source", [THIS], lambda: 1) for _ in range(2)] == [1, 1]
    assert len(caught) == 1
