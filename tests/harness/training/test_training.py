"""The training loop: what the rows read, what a budget allows, and that a resumed fit is the same fit."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.common.errors import UserError
from harness.training import training
from harness.training.budget import Budget, count_params, missed_by, solve_width
from harness.training.gradients import Diverged, rows_at
from harness.training.progress import Validation
from harness.training.settings import Training
from harness.training.training import fit
from models.language_model import LanguageModel
from models.lstm import LSTMConfig
from models.ngram import NGramConfig
from models.transformer import TransformerConfig

VOCAB, START = 12, 0
TRAINING = Training(
    batch_tokens=32, carry_reset_fraction=0.1, num_validations=4, num_curve_rows=10, checkpoint_seconds=1e-6
)
LSTM = LSTMConfig(d_model=16, training_length=8, dropout=0.2)
TRANSFORMER = TransformerConfig(num_layers=1, num_heads=2, d_model=16, context_length=16, dropout=0.2)


def stream(length: int = 5_000) -> np.ndarray:
    """A chain in which most tokens follow their neighbour."""
    rng = np.random.default_rng(0)
    steps = rng.choice([1, 2, 5], size=length, p=[0.8, 0.15, 0.05])
    steps[0] = 0
    return (np.cumsum(steps) % VOCAB).astype(np.uint16)


VALIDATION = Validation([stream(300).astype(np.int64)], 300)


def fitted(
    config: LSTMConfig | TransformerConfig, budget: Budget, folder: Path, **options: float
) -> tuple[LanguageModel, list[dict[str, float]]]:
    torch.manual_seed(0)
    model = config.build(VOCAB, START)
    _, curve = fit(model, stream(), VALIDATION, dataclasses.replace(TRAINING, **options), budget, 7, folder, print)
    return model, curve


def test_rows_read_every_token_once_before_any_twice() -> None:
    tokens = np.arange(4 * 8 * 5)
    seen = torch.cat([rows_at(tokens, len(tokens), 4, 8, step)[:, :-1].flatten() for step in range(5)])
    assert sorted(seen.tolist()) == tokens.tolist()


def test_targets_are_the_inputs_one_further_and_rows_go_on_where_they_were() -> None:
    tokens = np.arange(1000)
    first, second = (rows_at(tokens, 1000, 3, 10, step) for step in (0, 1))
    assert (first[:, 1:] == first[:, :-1] + 1).all()
    assert (second[:, 0] == first[:, -1]).all()


def test_a_text_shorter_than_a_batch_is_read_round_and_round() -> None:
    assert rows_at(np.arange(5), 5, 2, 12, 3).max() == 4


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
    flops = 3 * model.cost().flops_per_token * 320
    _, curve = fitted(LSTM, Budget(flops=flops), tmp_path / "flops")
    assert curve[-1]["tokens"] == pytest.approx(320, abs=32)
    _, curve = fitted(LSTM, Budget(seconds=0.2), tmp_path / "seconds")
    assert 0.2 <= curve[-1]["seconds"] < 2


@pytest.mark.parametrize("config", [LSTM, TRANSFORMER], ids=["lstm", "transformer"])
def test_a_resumed_fit_is_the_uninterrupted_one_bit_by_bit(
    config: LSTMConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget(tokens=4 * 8 * 40)
    whole, whole_curve = fitted(config, budget, tmp_path / "whole")
    save = training._GradientFit._save
    for steps in (3, 5, 8):
        saves = iter(range(steps))

        def save_or_die(self: training._GradientFit, saves: Iterator[int] = saves) -> None:
            if next(saves, None) is None:
                raise KeyboardInterrupt
            save(self)

        with monkeypatch.context() as patch:
            patch.setattr(training._GradientFit, "_save", save_or_die)
            with pytest.raises(KeyboardInterrupt):
                fitted(config, budget, tmp_path / "killed")
    resumed, curve = fitted(config, budget, tmp_path / "killed")
    for name, value in whole.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name
    timed = ("seconds", "tokens_per_second")
    assert str([{k: v for k, v in row.items() if k not in timed} for row in curve]) == str(
        [{k: v for k, v in row.items() if k not in timed} for row in whole_curve]
    )


def test_the_weights_are_those_that_were_best_on_validation(tmp_path: Path) -> None:
    # a wild learning rate, so that the best is unlikely to be the last
    model, curve = fitted(
        dataclasses.replace(LSTM, learning_rate=0.3), Budget(tokens=8_000), tmp_path, checkpoint_seconds=100
    )
    best = min(row["validation_bits_per_byte"] for row in curve if not math.isnan(row["validation_bits_per_byte"]))
    assert VALIDATION.bits_per_byte(model) == pytest.approx(best, abs=1e-6)


def test_a_fit_learns(tmp_path: Path) -> None:
    config = dataclasses.replace(LSTM, d_model=32, dropout=0.0)
    model, _ = fitted(config, Budget(tokens=40_000), tmp_path, checkpoint_seconds=100)
    steps = np.diff(VALIDATION.documents[0]) % VOCAB
    truth = -np.log2(np.select([steps == 1, steps == 2], [0.8, 0.15], 0.05)).sum() / VALIDATION.num_bytes
    assert truth - 0.05 < VALIDATION.bits_per_byte(model) < truth + 0.1


def test_a_fit_whose_loss_is_no_number_says_so(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LSTM.build(VOCAB, START)
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    with pytest.raises(Diverged, match="learning_rate"):
        fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=4_000), 0, tmp_path, print)


def test_training_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    model = LSTM.build(VOCAB, START)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=400), 0, tmp_path, print)
    assert torch.equal(before, torch.get_rng_state())


def test_counting_stops_at_the_token_budget(tmp_path: Path) -> None:
    model = NGramConfig(order=2).build(VOCAB, START)
    spent, curve = fit(model, stream(), VALIDATION, TRAINING, Budget(tokens=1_000), 0, tmp_path, print)
    assert spent.tokens == 1_000
    again = NGramConfig(order=2).build(VOCAB, START)
    fit(again, stream()[:1_000], VALIDATION, TRAINING, Budget(tokens=10_000_000), 0, tmp_path, print)
    assert curve[0]["validation_bits_per_byte"] == pytest.approx(VALIDATION.bits_per_byte(again))


@pytest.mark.parametrize("config", [LSTMConfig(), TransformerConfig()], ids=["lstm", "transformer"])
@pytest.mark.parametrize("num_params", [20_000, 300_000, 1_000_000])
def test_the_width_is_the_one_nearest_to_the_parameter_budget(config: LSTMConfig, num_params: int) -> None:
    sized = solve_width(config, num_params, 100)
    assert isinstance(sized, type(config))
    step = config.width_multiple
    assert sized.d_model % step == 0
    found = count_params(sized, 100)
    assert missed_by(sized, num_params, found) == found / num_params - 1
    for other in (sized.d_model - step, sized.d_model + step):
        if other > 0:
            neighbour = count_params(dataclasses.replace(sized, d_model=other), 100)
            assert abs(found - num_params) <= abs(neighbour - num_params)


def test_a_parameter_budget_below_any_width_is_refused() -> None:
    with pytest.raises(UserError, match="too small for model=lstm"):
        solve_width(LSTMConfig(), 50, 100)


def test_a_family_without_a_width_stays_as_it_is() -> None:
    config = NGramConfig(order=3)
    assert solve_width(config, 1_000, 100) is config


@pytest.mark.parametrize(
    "wrong", [{"tokens": 0}, {"seconds": -1.0}, {"flops": 0.0}, {"num_params": -3, "tokens": 5}, {}]
)
def test_an_impossible_budget_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget(**wrong)
