"""A checkpoint gives back what it was given, to the bit."""

from __future__ import annotations

from pathlib import Path

import torch

from harness.training.checkpoint import Checkpoint


def test_tensors_and_facts_come_back_and_an_empty_part_is_empty(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state")
    assert not checkpoint.exists()
    tied = torch.randn(3, 4, dtype=torch.float64)
    parts = {
        "model": {"layers.0.weight": tied, "tied": tied, "turned": tied.T},
        "loss": {"sum": torch.tensor(1 / 3)},
        "carry": {},
    }
    facts = {"best_bits_per_byte": float("inf"), "spent": {"tokens": 12}, "curve": [{"loss": float("nan")}]}
    checkpoint.write(parts, facts)
    assert checkpoint.exists()
    read, said = checkpoint.read()
    assert str(said) == str(facts)  # NaN is no number, and equals nothing
    for part, tensors in parts.items():
        assert read[part].keys() == tensors.keys()
        for name, value in tensors.items():
            assert read[part][name].dtype == value.dtype
            assert torch.equal(read[part][name], value)


def test_a_later_checkpoint_takes_the_earlier_one_s_place(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state")
    for step in (1, 2):
        checkpoint.write({"model": {"w": torch.full((2,), float(step))}}, {"step": step})
    parts, facts = checkpoint.read()
    assert facts == {"step": 2}
    assert parts["model"]["w"].tolist() == [2.0, 2.0]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
