"""A damaged checkpoint isn't used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.training.checkpoint import TRAIN_STATE_FILE, Checkpoint

PARTS = {
    "model": {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(2, dtype=torch.int64)},
    "best": {},
    "carry": {"0": torch.zeros(0, 4)},
    "optimizer": {"0.exp_avg": torch.tensor([0.5], dtype=torch.bfloat16)},
}
FACTS = {"steps": 3, "curve": [{"loss": float("nan")}]}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    written = Checkpoint(tmp_path / TRAIN_STATE_FILE)
    written.write(PARTS, FACTS)
    return written


def test_what_was_written_is_read(checkpoint: Checkpoint) -> None:
    kept = checkpoint.read()
    assert kept is not None
    parts, facts = kept
    assert str(facts) == str(FACTS)
    for part, tensors in PARTS.items():
        assert parts[part].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert parts[part][name].dtype == tensor.dtype
            assert torch.equal(parts[part][name], tensor)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: bytes(len(content)),
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b'\\"steps\\": 3', b'\\"steps\\": 2'),
        lambda content: os.urandom(len(content)),
    ],
    ids=["empty", "one less", "half", "zeros", "a bit", "a fact", "noise"],
)
def test_a_damaged_checkpoint_counts_as_none_with_a_warning(
    checkpoint: Checkpoint, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    content = checkpoint.path.read_bytes()
    assert damage(content) != content
    checkpoint.path.write_bytes(damage(content))
    with caplog.at_level("WARNING", logger="bakeoff"):
        assert checkpoint.read() is None
    assert f"{checkpoint.path} is damaged" in caplog.text


def test_a_checkpoint_without_a_digest_counts_as_none(checkpoint: Checkpoint) -> None:
    save_file(load_file(checkpoint.path), checkpoint.path)
    assert checkpoint.read() is None


def test_where_there_is_no_file_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / TRAIN_STATE_FILE).read() is None
