"""The command that compares families on Tiny Shakespeare, with a budget of a moment."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.published.shakespeare import FILE
from benchmarks.tiny_shakespeare import choose, table
from benchmarks.tiny_shakespeare.protocol import FAMILIES, NUM_PARAMS, Settings, Text
from harness.training.budget import count_params

WORDS = ["the", "king", "and", "queen", "of", "all", "that", "is", "fair", "in", "love", "or", "war", "shall", "speak"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """20,000 characters of random words."""
    text = " ".join(np.random.default_rng(0).choice(WORDS, 5_000))[:20_000]
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_settings_and_as_many_parameters_as_nanogpt(family: str) -> None:
    assert count_params(Settings.read(family).model_config(66), 66) == pytest.approx(NUM_PARAMS, rel=0.05)


def test_settings_are_chosen_without_the_validation_text(data: Path) -> None:
    text = Text.read(data)
    assert (len(text.train), len(text.scored)) == (18_000, 2_000)
    choosing = text.for_choosing()
    assert np.array_equal(np.concatenate([choosing.train, choosing.scored]), text.train)
    assert len(choosing.scored) == 1_800


@pytest.mark.campaign
def test_the_command_writes_a_table_and_goes_on_where_it_ended(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command = ["table", "--data", str(data), "--out", str(out), "--seconds", "0.2", "--families", "mlp"]
    monkeypatch.setattr(sys, "argv", [*command, "--seeds", "0"])
    table.main()
    first = pd.read_csv(out / "runs.csv")
    assert first["family"].tolist() == ["ngram", "mlp"]
    monkeypatch.setattr(sys, "argv", [*command, "--seeds", "0", "1", "2", "--at-once", "2", "--resume"])
    table.main()
    runs = pd.read_csv(out / "runs.csv")
    pd.testing.assert_frame_equal(runs.iloc[:2], first)
    assert sorted(runs["seed"]) == [0, 0, 1, 2]
    summary = pd.read_csv(out / "summary.csv").set_index("family")
    blocks = pd.read_csv(out / "blocks.csv")
    for family in ("ngram", "mlp"):
        assert summary.loss_nats[family] == pytest.approx(runs.loss_nats[runs.family == family].mean(), rel=1e-4)
        assert summary.ci_low[family] < summary.loss_nats[family] < summary.ci_high[family]
        assert blocks.characters[(blocks.family == family) & (blocks.seed == 0)].sum() == 2_000
    assert summary.minus_ngram["mlp"] == pytest.approx(summary.loss_nats["mlp"] - summary.loss_nats["ngram"], abs=1e-4)
    assert "| mlp" in (out / "summary.md").read_text(encoding="utf-8")
    assert (out / "loss_by_seconds.svg").exists()


def test_a_trial_adds_a_line(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "trials.csv"
    command = ["choose", "mlp", "model.d_embedding=4", "training.batch_tokens=256", "--tokens", "10000"]
    for seed in ("0", "1"):
        monkeypatch.setattr(sys, "argv", [*command, "--seed", seed, "--data", str(data), "--out", str(out)])
        choose.main()
    trials = pd.read_csv(out)
    assert trials["seed"].tolist() == [0, 1]
    assert trials["options"][0] == "model.d_embedding=4 training.batch_tokens=256"
    assert (trials["held_out_loss_nats"] < 3.3).all()
