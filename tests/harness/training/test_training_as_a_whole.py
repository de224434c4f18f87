"""Fits that are killed at any moment, again and again, end with the weights of a fit that was left alone."""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from harness.common.results_folder import FIT_FILE, ResultsFolder
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.corpus import Corpus
from harness.training.checkpoint import TRAIN_STATE_FILE
from harness.training.fits import FitSettings
from harness.training.fitting import obtain
from harness.training.workshop import Workshop, load_corpus
from models.language_model import WEIGHTS_FILE, NeuralModelConfig
from tests.commands import STARTER, Fork, bakeoff
from tests.models.families import LEARNING, options

GRADIENT_FAMILIES = [family for family in LEARNING if issubclass(options(family)[0], NeuralModelConfig)]
DATA = ["data=chatterbot", "tracking=none"]
SMALL = [*DATA, "tokenizer=byte", "model.d_model=16", "model.dropout=0.1", "budget.tokens=120000"]
SMALL += ["training.batch_tokens=256", "training.checkpoint_seconds=0.02", "training.validation_bytes=500"]
RECIPES = [
    ["model.optimizer=adamw", "training.schedule=cosine"],
    ["model.optimizer=adamw", "training.schedule=linear", "training.averaging_fraction=0.1"],
    ["model.optimizer=muon", "training.schedule=warmup_stable_decay"],
    ["model.optimizer=muon", "training.schedule=constant", "training.max_tokens_at_once=128"],
    ["model.optimizer=sgd", "training.schedule=constant"],
    ["model.optimizer=sgd", "training.schedule=cosine", "training.averaging_fraction=0.2"],
    ["training.max_tokens_at_once=64", "training.schedule=warmup_stable_decay", "training.averaging_fraction=0.1"],
]
CASES = [
    *([f"model={family}"] for family in GRADIENT_FAMILIES),
    *([f"model={family}", *recipe] for family in ("lstm", "transformer") for recipe in RECIPES),
]
KILLS = 20


@cache
def corpus() -> Corpus:
    return load_corpus(typed(compose(DATA)).data)


def make(wanted: FitSettings, text: Corpus, results: Path) -> None:
    """Make a fit; it takes a second or two."""
    logging.getLogger("bakeoff").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    obtain(wanted, text, Workshop(ResultsFolder(results), torch.device("cpu")))


def started(overrides: list[str], results: Path) -> BaseProcess:
    settings = typed(compose([*SMALL, *overrides]))
    wanted = FitSettings(settings.model, settings.tokenizer, settings.training, settings.budget, settings.seed)
    process = STARTER.Process(target=make, args=(wanted, corpus(), results))
    process.start()
    return process


def ended(overrides: list[str], results: Path) -> None:
    """Let a fit end."""
    process = started(overrides, results)
    process.join()
    assert process.exitcode == 0


def checkpoints(results: Path) -> list[int]:
    """When the checkpoints were written, in nanoseconds."""
    return [path.stat().st_mtime_ns for path in results.glob(f"fits/*/{TRAIN_STATE_FILE}")]


def weights(results: Path) -> dict[str, torch.Tensor]:
    [path] = results.glob(f"fits/*/{WEIGHTS_FILE}")
    return load_file(path)


@pytest.mark.campaign
@pytest.mark.parametrize("overrides", CASES, ids=" ".join)
def test_a_fit_that_is_killed_twenty_times_ends_with_the_same_weights(overrides: list[str], tmp_path: Path) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    ended(overrides, alone)
    rng = random.Random(" ".join(overrides))
    for _ in range(KILLS):
        process = started(overrides, killed)
        num_checkpoints = rng.choice([0, 1, 1, 2])
        for _ in range(num_checkpoints):
            before = checkpoints(killed)
            while process.is_alive() and checkpoints(killed) == before:
                time.sleep(0.001)
        # without a new checkpoint this may be before it has read the last one
        process.join(rng.uniform(0, 0.02 if num_checkpoints else 0.3))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the fit ended before it was killed"
    assert checkpoints(killed)
    assert not list(killed.glob(f"fits/*/{FIT_FILE}"))
    ended(overrides, killed)
    expected, got = weights(alone), weights(killed)
    assert expected.keys() == got.keys()
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []


@pytest.mark.campaign
@pytest.mark.parametrize("family", GRADIENT_FAMILIES)
def test_a_run_that_is_told_to_end_continues_from_that_step(family: str, tmp_path: Path) -> None:
    longer = {
        "budget.tokens=120000": "budget.tokens=200000",
        "training.checkpoint_seconds=0.02": "training.checkpoint_seconds=0.2",
    }
    words = ["run", f"model={family}", "evals=[perplexity]", *(longer.get(word, word) for word in SMALL)]
    bakeoff(tmp_path, *words, "results_dir=alone")
    fork = Fork(tmp_path, *words, "results_dir=killed")
    while not checkpoints(tmp_path / "killed"):
        assert fork.process.is_alive()
        time.sleep(0.01)
    assert fork.process.pid is not None
    told_at = time.time_ns()
    os.kill(fork.process.pid, signal.SIGTERM)
    done = fork.done()
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert checkpoints(tmp_path / "killed")[0] > told_at
    again = bakeoff(tmp_path, *words, "results_dir=killed")
    assert "continuing from the checkpoint" in again.stderr
    expected, got = weights(tmp_path / "alone"), weights(tmp_path / "killed")
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []
