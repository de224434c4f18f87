"""A fit's folder names its fit, and has a digest for its answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.files import write_bytes
from harness.common.results_folder import CURVE_FILE, FIT_FILE
from harness.common.sealed import Damaged, write_sealed
from harness.training.fit_folder import fit_digest, fit_facts


def made(folder: Path, weights: bytes = b"weights", curve: bytes = b"curve", fit_id: str | None = None) -> Path:
    write_bytes(folder / "weights", weights)
    write_bytes(folder / CURVE_FILE, curve)
    facts = {"fit_id": fit_id or folder.name, "spent": {"tokens": 3}}
    write_sealed(folder / FIT_FILE, facts, ("weights", CURVE_FILE))
    return folder


def test_the_facts_of_a_whole_fit_are_read(tmp_path: Path) -> None:
    assert fit_facts(made(tmp_path / "a1")) == {"fit_id": "a1", "spent": {"tokens": 3}}


def test_a_folder_that_holds_another_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="it is of fit b2"):
        fit_facts(made(tmp_path / "a1", fit_id="b2"))


@pytest.mark.parametrize("name", ["weights", CURVE_FILE, FIT_FILE])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = made(tmp_path / "a1")
    (folder / name).unlink()
    with pytest.raises(Damaged, match=f"{name} is damaged: it is missing. It is part of fit a1"):
        fit_facts(folder)


def test_its_digest_follows_from_the_weights_and_not_from_the_time_it_took(tmp_path: Path) -> None:
    digest = fit_digest(made(tmp_path / "1" / "a1"))
    assert digest == fit_digest(made(tmp_path / "2" / "a1", curve=b"slower"))
    assert digest != fit_digest(made(tmp_path / "3" / "a1", weights=b"others"))
    with pytest.raises(Damaged):
        fit_digest(tmp_path / "nothing")
