"""The training loop: what the rows read, where a budget ends it, and that a resumed fit is the same fit."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.common.errors import UserError
from harness.training.budget import Budget
from harness.training.curve import Validation
from harness.training.gradients import Diverged, OutOfMemory
from harness.training.optimizers import Optimizer
from harness.training.settings import Training
from harness.training.stages import rows_at
from harness.training.training import fit
from models.bigram import Bigram
from models.language_model import LanguageModel, NeuralModelConfig, OptimizerName
from models.settings.bigram import BigramConfig
from models.settings.lstm import LSTMConfig
from models.settings.ngram import NGramConfig
from models.settings.transformer import TransformerConfig
from tests.harness.training.checkpoints import killed_after
from tests.models.diagonal import Diagonal, DiagonalConfig
from tests.toys import LetterTokenizer, ScriptedModel

VOCAB, START = 12, 0
TRAINING = Training(
    batch_tokens=32, carry_reset_fraction=0.1, num_validations=4, num_curve_rows=10, checkpoint_seconds=1e-6
)
LSTM = LSTMConfig(d_model=16, training_length=8, dropout=0.2)
TRANSFORMER = TransformerConfig(num_layers=1, num_heads=2, d_model=16, context_length=16, dropout=0.2)
DIAGONAL = DiagonalConfig(dropout=0.2)


def stream(length: int = 5_000) -> np.ndarray:
    """A chain in which most tokens follow their neighbour."""
    rng = np.random.default_rng(0)
    steps = rng.choice([1, 2, 5], size=length, p=[0.8, 0.15, 0.05])
    steps[0] = 0
    return (np.cumsum(steps) % VOCAB).astype(np.uint16)


VALIDATION = Validation([stream(300).astype(np.int64)], 300)


def fitted(
    config: NeuralModelConfig, budget: Budget, folder: Path, **options: Any
) -> tuple[LanguageModel, list[dict[str, float]]]:
    torch.manual_seed(0)
    model = config.build(VOCAB, START)
    _, curve = fit(model, stream(), VALIDATION, dataclasses.replace(TRAINING, **options), budget, 7, folder, print)
    return model, curve


def test_every_token_is_read_once_before_any_is_read_twice() -> None:
    tokens = np.arange(4 * 8 * 5)
    seen = torch.cat([rows_at(tokens, 4, 8, step)[:, :-1].flatten() for step in range(5)])
    assert sorted(seen.tolist()) == tokens.tolist()


def test_targets_are_the_next_inputs_and_rows_continue_where_they_stopped() -> None:
    tokens = np.arange(1000)
    first, second = (rows_at(tokens, 3, 10, step) for step in (0, 1))
    assert (first[:, 1:] == first[:, :-1] + 1).all()
    assert (second[:, 0] == first[:, -1]).all()


def test_a_text_shorter_than_a_batch_is_read_round_and_round() -> None:
    assert rows_at(np.arange(5), 2, 12, 3).max() == 4


@pytest.mark.parametrize("config", [LSTM, TRANSFORMER], ids=["lstm", "transformer"])
def test_a_token_budget_is_spent_exactly(config: LSTMConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    budget = Budget(tokens=4 * 100)
    spent, curve = fit(config.build(VOCAB, START), stream(), VALIDATION, TRAINING, budget, 0, tmp_path, print)
    assert spent.tokens == 400
    assert curve[-1]["tokens"] == 400
    assert not math.isnan(curve[-1]["validation_bits_per_byte"])
    assert sum(not math.isnan(row["validation_bits_per_byte"]) for row in curve) == TRAINING.num_validations


def test_flops_and_seconds_end_a_fit_too(tmp_path: Path) -> None:
    model, _ = fitted(LSTM, Budget(tokens=400), tmp_path / "tokens")
    of_a_step = 3 * model.cost().flops_per_token * 32
    for num_steps in (9.5, 10.0):
        _, curve = fitted(LSTM, Budget(flops=of_a_step * num_steps), tmp_path / f"flops {num_steps}")
        assert curve[-1]["flops"] == 10 * of_a_step
    _, curve = fitted(LSTM, Budget(seconds=0.2), tmp_path / "seconds")
    assert 0.2 <= curve[-1]["seconds"] < 2


@pytest.mark.parametrize("config", [LSTM, TRANSFORMER, DIAGONAL], ids=["lstm", "transformer", "diagonal"])
def test_a_resumed_fit_is_the_uninterrupted_one_bit_by_bit(config: NeuralModelConfig, tmp_path: Path) -> None:
    budget = Budget(tokens=4 * 8 * 40)
    whole, whole_curve = fitted(config, budget, tmp_path / "whole")
    for num_checkpoints in (3, 5, 8):
        with killed_after(num_checkpoints):
            fitted(config, budget, tmp_path / "killed")
    resumed, curve = fitted(config, budget, tmp_path / "killed")
    for name, value in whole.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name
    timed = ("seconds", "tokens_per_second")
    assert str([{k: v for k, v in row.items() if k not in timed} for row in curve]) == str(
        [{k: v for k, v in row.items() if k not in timed} for row in whole_curve]
    )


RECIPES: list[tuple[OptimizerName, dict[str, Any]]] = [
    ("muon", {"schedule": "warmup_stable_decay"}),
    ("sgd", {"schedule": "cosine", "averaging_fraction": 0.2}),
    ("adamw", {"max_tokens_at_once": 8, "averaging_fraction": 0.1, "schedule": "constant"}),
    ("adamw", {"precision": "bfloat16"}),
]


@pytest.mark.parametrize(("optimizer", "recipe"), RECIPES, ids=str)
@pytest.mark.parametrize("config", [LSTM, TRANSFORMER], ids=["lstm", "transformer"])
def test_a_resumed_fit_is_the_same_whatever_the_recipe(
    config: NeuralModelConfig, optimizer: OptimizerName, recipe: dict[str, Any], tmp_path: Path
) -> None:
    config = dataclasses.replace(config, optimizer=optimizer)
    budget = Budget(tokens=4 * 8 * 20)
    whole, whole_curve = fitted(config, budget, tmp_path / "whole", **recipe)
    for num_checkpoints in (3, 5):
        with killed_after(num_checkpoints):
            fitted(config, budget, tmp_path / "killed", **recipe)
    resumed, curve = fitted(config, budget, tmp_path / "killed", **recipe)
    for name, value in whole.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name
    assert [row["train_loss_nats"] for row in curve] == [row["train_loss_nats"] for row in whole_curve]


@pytest.mark.parametrize("config", [LSTM, TRANSFORMER, DIAGONAL], ids=["lstm", "transformer", "diagonal"])
def test_gradients_in_parts_are_those_of_the_whole_step(config: NeuralModelConfig, tmp_path: Path) -> None:
    # muon makes the sums' rounding ten times larger
    plain = dataclasses.replace(config, dropout=0.0, optimizer="adamw")
    whole, curve = fitted(plain, Budget(tokens=4 * 8 * 10), tmp_path / "whole")
    parts, in_parts = fitted(plain, Budget(tokens=4 * 8 * 10), tmp_path / "parts", max_tokens_at_once=16)
    assert [row["train_loss_nats"] for row in in_parts] == pytest.approx(
        [row["train_loss_nats"] for row in curve], abs=1e-5
    )
    for name, value in whole.tensors().items():
        torch.testing.assert_close(parts.tensors()[name], value, atol=1e-4, rtol=0)


def test_the_average_is_what_is_validated_and_kept(tmp_path: Path) -> None:
    after_steps: list[dict[str, Tensor]] = []
    torch.manual_seed(0)
    model = LSTM.build(VOCAB, START)
    step = Optimizer.step
    training = dataclasses.replace(TRAINING, averaging_fraction=0.2, num_validations=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Optimizer, "step", lambda self, rate: (step(self, rate), after_steps.append(copied(model)))[0])
        _, curve = fit(model, stream(), VALIDATION, training, Budget(tokens=32 * 25), 7, tmp_path, print)
    average = after_steps[0]
    for weights in after_steps[1:]:  # each step takes 1 / 25 of the budget
        kept = math.exp(-(1 / 25) / 0.2)
        average = {name: kept * average[name] + (1 - kept) * weights[name] for name in average}
    for name, value in copied(model).items():
        torch.testing.assert_close(value, average[name], atol=1e-6, rtol=1e-5)
    assert VALIDATION.bits_per_byte(model) == pytest.approx(curve[-1]["validation_bits_per_byte"], abs=1e-6)


def test_a_signal_ends_a_fit_between_two_steps_with_a_checkpoint(tmp_path: Path) -> None:
    budget = Budget(tokens=4 * 8 * 40)
    whole, _ = fitted(LSTM, budget, tmp_path / "whole")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for steps in (7, 11):
            terminated = patched_step(after=steps, do=lambda: os.kill(os.getpid(), signal.SIGTERM))
            with terminated, pytest.raises(KeyboardInterrupt):
                fitted(LSTM, budget, tmp_path / "stopped", checkpoint_seconds=100)
    finally:
        signal.signal(signal.SIGTERM, before)
    resumed, curve = fitted(LSTM, budget, tmp_path / "stopped", checkpoint_seconds=100)
    assert curve[-1]["step"] == 40
    for name, value in whole.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name


@contextlib.contextmanager
def patched_step(after: int, do: Callable[[], None]) -> Iterator[None]:
    """Call `do` in the middle of a step, after this many."""
    steps = []
    optimizer_step = Optimizer.step

    def step(self: Optimizer, learning_rate: float) -> None:
        steps.append(learning_rate)
        if len(steps) == after:
            do()
        optimizer_step(self, learning_rate)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Optimizer, "step", step)
        yield


def test_a_loss_that_is_no_number_changes_no_weight_and_names_the_step(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = DIAGONAL.build(VOCAB, START)
    losses = iter([1.0, 1.0, math.inf])
    own = type(model).logits

    def logits(self: Diagonal, hidden: Tensor) -> Tensor:
        return own(self, hidden) * (next(losses) if self.training else 1.0)

    snapshots = []
    step = Optimizer.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Diagonal, "logits", logits)
        patch.setattr(Optimizer, "step", lambda self, rate: (step(self, rate), snapshots.append(copied(model)))[0])
        with pytest.raises(Diverged, match=r"became nan at step 3, with a learning rate of .* The checkpoint in"):
            fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=32 * 20), 7, tmp_path, print)
    assert len(snapshots) == 2
    for name, value in copied(model).items():
        assert torch.equal(value, snapshots[-1][name])


def test_a_step_without_enough_memory_says_what_to_lower_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = DIAGONAL.build(VOCAB, START)
    with patched_step(after=3, do=lambda: torch.empty(2**48)), pytest.raises(OutOfMemory) as failed:
        fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=320, num_params=500), 7, tmp_path, print)
    said = str(failed.value)
    assert said.startswith("cpu has not enough memory for step 3 of model=diagonal, which has 204 parameters.")
    assert f"The checkpoint in {tmp_path} is from before." in said
    assert "Lower training.max_tokens_at_once (now all of a step), which changes no result" in said
    assert "training.batch_tokens (now 32); or budget.num_params (now 500)." in said
    _, curve = fitted(DIAGONAL, Budget(tokens=320, num_params=500), tmp_path)
    assert curve[-1]["tokens"] == 320
    narrow = dataclasses.replace(TRAINING, max_tokens_at_once=8)
    with patched_step(after=1, do=lambda: torch.empty(2**48)), pytest.raises(OutOfMemory) as failed:
        fit(model, stream(), VALIDATION, narrow, Budget(tokens=320), 7, tmp_path / "narrow", print)
    assert "training.max_tokens_at_once (now 8)" in str(failed.value)
    assert f"model.d_model (now {DIAGONAL.d_model})." in str(failed.value)
    assert "The checkpoint" not in str(failed.value)


def test_a_disk_that_fills_up_keeps_the_last_checkpoint_and_the_fit_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget, limits = Budget(tokens=4 * 8 * 20), resource.getrlimit(resource.RLIMIT_FSIZE)
    whole, _ = fitted(LSTM, budget, tmp_path / "whole")
    caplog.clear()
    try:
        with patched_step(after=8, do=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))):
            full, curve = fitted(LSTM, budget, tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert curve[-1]["step"] == 20
    assert all(torch.equal(value, full.tensors()[name]) for name, value in whole.tensors().items())
    [warning] = [record.getMessage() for record in caplog.records]
    assert f"the checkpoint of step 8 can't be written to {tmp_path / 'full'} (File too large)" in warning
    assert "the one before is kept. The fit goes on" in warning
    assert os.listdir(tmp_path / "full") == ["train_state.safetensors"]
    said: list[str] = []
    torch.manual_seed(0)
    model = LSTM.build(VOCAB, START)
    fit(model, stream(), VALIDATION, TRAINING, budget, 7, tmp_path / "full", said.append)
    assert "continuing from the checkpoint at step 7" in said[0]
    assert all(torch.equal(value, model.tensors()[name]) for name, value in whole.tensors().items())


def test_a_damaged_checkpoint_is_named_and_the_fit_starts_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget = Budget(tokens=4 * 8 * 20)
    whole, _ = fitted(LSTM, budget, tmp_path / "whole")
    with killed_after(5):
        fitted(LSTM, budget, tmp_path / "killed")
    path = tmp_path / "killed" / "train_state.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    again, curve = fitted(LSTM, budget, tmp_path / "killed")
    assert f"{path} is damaged" in caplog.text
    assert curve[-1]["step"] == 20
    assert all(torch.equal(value, again.tensors()[name]) for name, value in whole.tensors().items())


def copied(model: LanguageModel) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.tensors().items()}


def test_the_weights_are_those_that_were_best_on_validation(tmp_path: Path) -> None:
    # a very high learning rate, so that the last weights are unlikely to be the best
    model, curve = fitted(
        dataclasses.replace(LSTM, learning_rate=0.3), Budget(tokens=8_000), tmp_path, checkpoint_seconds=100
    )
    best = min(row["validation_bits_per_byte"] for row in curve if not math.isnan(row["validation_bits_per_byte"]))
    assert VALIDATION.bits_per_byte(model) == pytest.approx(best, abs=1e-6)


class Blinkered(Diagonal):
    """Gives the last token of the vocabulary no probability."""

    def logits(self, hidden: Tensor) -> Tensor:
        impossible = torch.arange(self.vocab_size, device=hidden.device) == self.vocab_size - 1
        return super().logits(hidden).masked_fill(impossible, -math.inf)


def test_without_a_finite_validation_the_last_weights_are_kept_with_a_note(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Blinkered(DIAGONAL, VOCAB, START)
    before = model.tensors()["embedding"].clone()
    seen = stream() % (VOCAB - 1)
    validation = Validation([np.array([1, 2, VOCAB - 1, 3])], 4)
    said: list[str] = []
    spent, curve = fit(model, seen, validation, TRAINING, Budget(tokens=320), 7, tmp_path, said.append)
    assert spent.tokens == 320
    assert all(math.isnan(row["validation_bits_per_byte"]) for row in curve)
    assert not any(math.isnan(row["train_loss_nats"]) for row in curve)
    assert "those of the last step are kept" in said[-1]
    assert not torch.equal(model.tensors()["embedding"], before)


def test_a_fit_learns(tmp_path: Path) -> None:
    config = dataclasses.replace(LSTM, d_model=32, dropout=0.0)
    model, _ = fitted(config, Budget(tokens=40_000), tmp_path, checkpoint_seconds=100)
    steps = np.diff(VALIDATION.documents[0]) % VOCAB
    truth = -np.log2(np.select([steps == 1, steps == 2], [0.8, 0.15], 0.05)).sum() / VALIDATION.num_bytes
    assert truth - 0.05 < VALIDATION.bits_per_byte(model) < truth + 0.1


def test_a_fit_with_a_loss_that_is_no_number_gets_a_note(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LSTM.build(VOCAB, START)
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    with pytest.raises(Diverged, match="learning_rate"):
        fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=4_000), 0, tmp_path, print)


def test_where_no_validation_is_a_number_the_last_weights_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget(tokens=32 * 10)
    last, _ = fitted(LSTM, budget, tmp_path / "last", num_validations=1)  # validated at the end alone
    monkeypatch.setattr(Validation, "bits_per_byte", lambda self, model: math.nan)
    model, curve = fitted(LSTM, budget, tmp_path / "none", num_validations=5)
    assert all(math.isnan(row["validation_bits_per_byte"]) for row in curve)
    assert all(torch.equal(value, model.tensors()[name]) for name, value in last.tensors().items())


def test_training_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    model = LSTM.build(VOCAB, START)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=400), 0, tmp_path, print)
    assert torch.equal(before, torch.get_rng_state())


def test_a_family_says_which_parameters_are_decayed_and_how_fast_they_learn(tmp_path: Path) -> None:
    # One step at the peak of the schedule, with weight decay and without.
    rate, decay = 1e-2, 3.0
    torch.manual_seed(0)
    first = DIAGONAL.build(VOCAB, START).tensors()
    plain, decayed = (
        fitted(DIAGONAL, Budget(tokens=32), tmp_path / str(share), warmup_fraction=0.0, weight_decay=share)[0].tensors()
        for share in (0.0, decay)
    )
    # AdamW subtracts learning rate x decay for any gradient. A_log is a matrix, but isn't decayed.
    for name in ("embedding", "from_input", "to_output"):
        torch.testing.assert_close(plain[name] - decayed[name], rate * decay * first[name], atol=1e-6, rtol=0)
    for name in ("A_log", "output_bias"):
        assert torch.equal(plain[name], decayed[name])
    # Adam's first step is the learning rate up or down; A_log asks for half of it.
    for name, scale in (("A_log", 0.5), ("output_bias", 1.0)):
        moved = (plain[name] - first[name]).abs()
        torch.testing.assert_close(moved, torch.full_like(moved, scale * rate), atol=1e-4, rtol=0)


def test_a_family_that_learns_in_no_known_way_is_refused(tmp_path: Path) -> None:
    model = ScriptedModel(LetterTokenizer(3), lambda text: "a")
    with pytest.raises(UserError, match="ScriptedModel is neither a CountingModel nor a NeuralModel"):
        fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=400), 0, tmp_path, print)


def test_counting_stops_at_the_token_budget(tmp_path: Path) -> None:
    model = NGramConfig(order=2).build(VOCAB, START)
    spent, curve = fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=1_000), 0, tmp_path, print)
    assert spent.tokens == 1_000
    again = NGramConfig(order=2).build(VOCAB, START)
    fit(again, stream()[:1_000], VALIDATION, TRAINING, Budget(tokens=10_000_000), 0, tmp_path, print)
    assert curve[0]["validation_bits_per_byte"] == pytest.approx(VALIDATION.bits_per_byte(again))


def test_what_the_first_fit_of_a_process_takes_to_compile_is_not_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {"now": 0.0, "of a count": 100.0}
    count = Bigram.count

    def slow_at_first(self: Bigram, tokens: Tensor) -> None:
        seconds["now"] += seconds["of a count"]
        seconds["of a count"] = 1.0
        count(self, tokens)

    monkeypatch.setattr(Bigram, "count", slow_at_first)
    monkeypatch.setattr("harness.training.training.time.perf_counter", lambda: seconds["now"])
    model = BigramConfig().build(VOCAB, START)
    spent, _ = fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=1_000), 0, tmp_path, print)
    assert spent.seconds == 1.0
    assert spent.tokens == 1_000
