"""Which files of a folder make the model, and what is in them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from models.hf_parts.folder import absolute, content_sha256, model_files
from tests.peers import peer


def hashed(folder: Path) -> str:
    return content_sha256(model_files(str(folder)))


def test_the_hash_is_of_configuration_and_weights_and_of_nothing_else(tmp_path: Path) -> None:
    folder = shutil.copytree(peer("gpt2", 40, 3), tmp_path / "model")
    before = hashed(folder)
    (folder / "README.md").write_text("about")
    (folder / "training_args.bin").write_bytes(b"code")
    assert hashed(folder) == before
    assert hashed(shutil.copytree(folder, tmp_path / "elsewhere")) == before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_positions": 32}))
    assert hashed(folder) != before


def test_the_hash_is_that_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "model.safetensors").write_bytes(b"abc")
    # the hash of "{}", and that of "abc" as FIPS 180 gives it
    expected = (
        "config.json 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"
        "model.safetensors ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
    )
    assert hashed(tmp_path) == hashlib.sha256(expected.encode()).hexdigest()
    before = hashed(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"abd")
    assert hashed(tmp_path) != before


def test_weights_in_parts_are_those_that_the_index_names(tmp_path: Path) -> None:
    for name in ("config.json", "one.safetensors", "two.safetensors", "other.safetensors"):
        (tmp_path / name).write_text("{}")
    index = tmp_path / "model.safetensors.index.json"
    parts = {"a": "two.safetensors", "b": "one.safetensors", "c": "two.safetensors"}
    index.write_text(json.dumps({"weight_map": parts}))
    assert [file.name for file in model_files(str(tmp_path))] == [
        "config.json",
        "model.safetensors.index.json",
        "one.safetensors",
        "two.safetensors",
    ]
    (tmp_path / "model.safetensors").touch()
    assert [file.name for file in model_files(str(tmp_path))] == ["config.json", "model.safetensors"]


def test_a_path_is_made_absolute_and_a_link_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    os.symlink(tmp_path / "model", tmp_path / "newest")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "model")
    assert (
        absolute("../newest") == absolute("~/newest/") == absolute("./../model/../newest") == str(tmp_path / "newest")
    )
