"""Two processes that share a fit are as one process: the same losses and weights, up to rounding."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.distributed import TCPStore

from harness.cli.main import status_of
from harness.common.errors import UserError
from harness.training.budget import Budget
from harness.training.curve import Validation
from harness.training.processes import ALONE, Processes, connected
from harness.training.settings import Training
from harness.training.step_size import check_rows
from harness.training.training import fit
from models.neural_model import NeuralModel, NeuralModelConfig
from models.settings.lstm import LSTMConfig
from models.settings.mlp import MLPConfig
from models.settings.transformer import TransformerConfig
from tests.commands import STARTER, Fork, bakeoff

VOCAB, START = 12, 0
LSTM = LSTMConfig(d_model=16, training_length=8)
CONFIGS = {
    "lstm": LSTM,
    "transformer": TransformerConfig(num_layers=1, num_heads=2, d_model=16, context_length=8),
    "mlp": MLPConfig(d_model=16, d_embedding=4, context_length=3, training_length=8, optimizer="sgd"),
}
# Five rows a step, which two processes can't share evenly.
TRAINING = Training(batch_tokens=40, carry_reset_fraction=0.3, num_validations=2, num_curve_rows=12)
BUDGET = Budget(tokens=12 * 40)


def stream() -> np.ndarray:
    steps = np.random.default_rng(0).choice([1, 2, 5], size=2000, p=[0.8, 0.15, 0.05])
    steps[0] = 0
    return (np.cumsum(steps) % VOCAB).astype(np.uint16)


def torchrun(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells a process, one of two."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    elastic = {"TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": 0}
    return {name: str(value) for name, value in (told | elastic).items()}


@pytest.fixture
def new_port() -> Iterator[Callable[[], int]]:
    """Opens ports where processes find one another: torchrun serves them, not one of the processes."""
    served: list[TCPStore] = []

    def serve() -> int:
        served.append(TCPStore("localhost", 0, is_master=True, wait_for_workers=False))
        return int(served[-1].port)

    yield serve
    served.clear()


def make(config: NeuralModelConfig, training: Training, folder: Path, rank: int | None, port: int) -> None:
    """Fit, as one of two processes or (None) alone; the first leaves the losses and the weights in its folder."""
    torch.set_num_threads(1)
    if rank is not None:
        os.environ.update(torchrun(rank, port))
    validation = Validation([stream()[:200].astype(np.int64)], 200)
    torch.manual_seed(0)
    model = config.build(VOCAB, START)
    with connected(torch.device("cpu")) as processes:
        _, curve = fit(model, stream(), validation, training, BUDGET, 7, folder, print, processes)
    if rank in (None, 0):
        save_file(model.tensors(), folder / "weights.safetensors")
        (folder / "losses.json").write_text(json.dumps([row["train_loss_nats"] for row in curve]))


def made(
    config: NeuralModelConfig, training: Training, folder: Path, ranks: list[int | None], port: int = 0
) -> list[float]:
    folder.mkdir(exist_ok=True)
    started: list[BaseProcess] = []
    for rank in ranks:
        started.append(STARTER.Process(target=make, args=(config, training, folder, rank, port)))
        started[-1].start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * len(ranks)
    losses: list[float] = json.loads((folder / "losses.json").read_text())
    return losses


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lstm", {"max_tokens_at_once": 8, "averaging_fraction": 0.2}),
        ("transformer", {}),
        pytest.param("lstm", {}, marks=pytest.mark.campaign),
        pytest.param("transformer", {"max_tokens_at_once": 16}, marks=pytest.mark.campaign),
        pytest.param("mlp", {}, marks=pytest.mark.campaign),
    ],
    ids=str,
)
def test_two_processes_have_the_losses_of_one(
    name: str, options: dict[str, Any], tmp_path: Path, new_port: Callable[[], int]
) -> None:
    training = dataclasses.replace(TRAINING, **options)
    config = dataclasses.replace(CONFIGS[name], optimizer="adamw")  # muon makes the sums' rounding ten times larger
    alone = made(config, training, tmp_path / "alone", [None])
    both = made(config, training, tmp_path / "both", [0, 1], new_port())
    assert len(both) == 12
    assert both == pytest.approx(alone, abs=1e-5)
    expected, got = (load_file(tmp_path / folder / "weights.safetensors") for folder in ("alone", "both"))
    for tensor, value in expected.items():
        torch.testing.assert_close(got[tensor], value, atol=1e-4, rtol=0)


def test_a_fit_that_two_processes_share_continues_from_the_checkpoint_of_one(
    tmp_path: Path, new_port: Callable[[], int]
) -> None:
    often = dataclasses.replace(TRAINING, checkpoint_seconds=1e-6)
    both = made(LSTM, often, tmp_path, [0, 1], new_port())
    # the last checkpoint is that of the step before the last
    assert made(LSTM, often, tmp_path, [0, 1], new_port()) == both
    assert made(LSTM, often, tmp_path, [None]) == pytest.approx(both, abs=1e-5)


def test_every_row_of_a_step_is_one_process_s() -> None:
    assert [Processes(rank, 3).rows(7) for rank in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 7)]
    assert ALONE.rows(7) == slice(0, 7)


def test_more_processes_than_rows_are_refused_with_the_numbers() -> None:
    model = LSTM.build(VOCAB, START)
    assert isinstance(model, NeuralModel)
    check_rows(model, Training(batch_tokens=16), 2)
    with pytest.raises(UserError, match=r"a step of model=lstm 1 row of 8 tokens, but 2 processes.*to 16 or more"):
        check_rows(model, Training(batch_tokens=15), 2)


RUN = ["run", "data=chatterbot", "tokenizer=byte", "evals=[perplexity]", "tracking=none", "training.batch_tokens=256"]
SMALL = [*RUN, "model=lstm", "model.d_model=16", "model.dropout=0.0", "budget.tokens=3000"]


def both(folder: Path, port: int, *words: str) -> list[Fork]:
    return [Fork(folder, *words, **torchrun(rank, port)) for rank in (0, 1)]


def record(folder: Path) -> dict[str, Any]:
    [path] = folder.glob("results/default/*/run.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_a_run_of_two_processes_is_that_of_one_and_its_record_says_how_many(
    tmp_path: Path, new_port: Callable[[], int]
) -> None:
    (tmp_path / "alone").mkdir()
    bakeoff(tmp_path / "alone", *SMALL)
    for said in ("fitted lstm", "is complete; nothing to do"):
        first, second = (fork.done() for fork in both(tmp_path, new_port(), *SMALL))
        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert said in first.stderr
        assert (second.stdout, second.stderr) == ("", "")
    alone, shared = record(tmp_path / "alone"), record(tmp_path)
    assert (alone["num_processes"], shared["num_processes"]) == (1, 2)
    assert alone["fit_id"] == shared["fit_id"]
    assert alone["run_id"] == shared["run_id"]
    assert [metric["value"] for metric in shared["metrics"]] == pytest.approx(
        [metric["value"] for metric in alone["metrics"]], rel=1e-3
    )


@pytest.mark.campaign
def test_a_combination_s_members_are_shared_where_they_have_gradients(
    tmp_path: Path, new_port: Callable[[], int]
) -> None:
    small = ["model=mixture", "model.members.first.order=2", "model.members.second.d_model=8", "budget.tokens=1000"]
    first, second = (fork.done() for fork in both(tmp_path, new_port(), *RUN, *small))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "ngram has no gradients to share, so one of 2 processes fits it" in first.stderr
    facts = [json.loads(path.read_text()) for path in tmp_path.glob("results/fits/*/fit.json")]
    assert sorted(fact["num_processes"] for fact in facts) == [1, 1, 2]


def test_a_signal_to_one_process_ends_both_with_a_checkpoint(tmp_path: Path, new_port: Callable[[], int]) -> None:
    long = [*SMALL[:-1], "budget.tokens=100000000", "training.checkpoint_seconds=0.01"]
    started = both(tmp_path, new_port(), *long)
    while not list(tmp_path.glob("results/fits/*/train_state.safetensors")):
        time.sleep(0.02)
        assert all(fork.process.is_alive() for fork in started)
    assert started[1].process.pid is not None
    os.kill(started[1].process.pid, signal.SIGTERM)
    assert [fork.done().returncode for fork in started] == [143, 143]
    assert list(tmp_path.glob("results/fits/*/train_state.safetensors"))


@pytest.mark.campaign
def test_where_a_helper_is_killed_the_run_fails_and_says_so(tmp_path: Path, new_port: Callable[[], int]) -> None:
    long = [*SMALL[:-1], "budget.tokens=100000000", "training.checkpoint_seconds=0.01"]
    started = both(tmp_path, new_port(), *long)
    while not list(tmp_path.glob("results/fits/*/train_state.safetensors")):
        time.sleep(0.02)
        assert all(fork.process.is_alive() for fork in started)
    started[1].process.kill()
    first = started[0].done()
    assert first.returncode == 1
    assert "another of the 2 processes that shared the fit ended (it gave no reason)" in record(tmp_path)["error"]
    assert list(tmp_path.glob("results/fits/*/train_state.safetensors"))


@pytest.mark.parametrize("words", [["run", "-m", "model=lstm,gru"], ["compare"], ["report"], ["list", "models"]])
def test_what_processes_can_t_share_is_refused(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rank, said in ((0, "torchrun started 2 processes of `bakeoff"), (1, "")):
        for name, value in torchrun(rank, 1).items():
            monkeypatch.setenv(name, value)
        assert status_of(words) == 2
        err = capsys.readouterr().err
        assert said in err
        assert bool(said) == bool(err)
