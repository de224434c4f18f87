"""The options of model=hf: one clear message for each folder that can't be one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.settings.hf import HFConfig
from tests.peers import peer

VOCAB_SIZE, START = 40, 3


def test_a_path_is_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(peer("gpt2", VOCAB_SIZE, START), tmp_path / "home" / "model")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for path in ("home/model", "home/../home/model/", "~/model", str(folder)):
        assert HFConfig(path).path == str(folder)


def test_a_folder_that_is_none_is_refused_when_it_is_named(tmp_path: Path) -> None:
    folder = shutil.copytree(peer("gpt2", VOCAB_SIZE, START), tmp_path / "model")
    with pytest.raises(ValueError, match=r"path='' is not allowed for model=hf: it must be a folder with config\.json"):
        HFConfig()
    with pytest.raises(ValueError, match=r"nowhere is not a folder.*no such folder"):
        HFConfig(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"there is no config\.json in it"):
        HFConfig(str(tmp_path))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"has no model\.safetensors \(pytorch_model\.bin\).*save_pretrained"):
        HFConfig(str(folder))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_length": 0}, "1 or more"),
        ({"stride": 0}, "1 to context_length"),
        ({"context_length": 8, "stride": 9}, "1 to context_length"),
    ],
)
def test_a_window_that_can_not_be_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HFConfig(str(peer("gpt2", VOCAB_SIZE, START)), **options)
