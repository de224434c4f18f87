"""A package's public names are imported from their files on first use."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import evals
import harness
import models
from harness.common.face import face


def test_a_file_is_imported_when_one_of_its_names_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("quick", "heavy"):
        (tmp_path / f"{name}_of_a_face.py").write_text(f"second_{name} = 2\nfirst_{name} = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    names, attribute = face(
        "a.room",
        {"quick_of_a_face": ["second_quick", "first_quick"], "heavy_of_a_face": ["first_heavy"]},
    )
    assert names == ["first_heavy", "first_quick", "second_quick"]
    assert attribute("second_quick") == 2
    assert "quick_of_a_face" in sys.modules
    assert "heavy_of_a_face" not in sys.modules


def test_a_name_that_a_room_does_not_show_is_refused_as_python_does_it() -> None:
    _, attribute = face("a.room", {"json": ["loads"]})
    with pytest.raises(AttributeError, match=r"module 'a\.room' has no attribute 'dumps'"):
        attribute("dumps")  # json has this name, but the package doesn't export it


def test_no_public_name_is_the_name_of_a_file_which_would_hide_it_once_it_is_imported() -> None:
    faces = 0
    for root in (harness, models, evals):
        for module in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            package = importlib.import_module(module.name) if module.ispkg else root
            names = set(getattr(package, "__all__", ()))
            assert not names & {file.name for file in pkgutil.iter_modules(package.__path__)}, package.__name__
            faces += bool(names)
    assert faces > 3
