"""Stages of training: each decides what it reads and learns; the loop is the same for all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.training.budget import Budget
from harness.training.curve import Validation
from harness.training.gradients import GradientFit
from harness.training.settings import Training
from harness.training.spent import Spent
from harness.training.stages import Batch, Pretraining, TrainingStage
from models.carried import Carry
from models.language_model import NeuralModelConfig
from models.neural_model import NeuralModel
from models.settings.lstm import LSTMConfig
from models.settings.transformer import TransformerConfig
from tests.harness.training.checkpoints import killed_after
from tests.models.diagonal import DiagonalConfig

VOCAB, START = 12, 0
PROMPT, ANSWER = 5, 3
TRAINING = Training(num_validations=4, num_curve_rows=10, checkpoint_seconds=1e-6)
LSTM = LSTMConfig(d_model=16, dropout=0.2)
TRANSFORMER = TransformerConfig(num_layers=1, num_heads=2, d_model=16, context_length=16, dropout=0.2)
each_config = pytest.mark.parametrize("config", [LSTM, TRANSFORMER], ids=["lstm", "transformer"])


class Answers(TrainingStage[Batch]):
    """A random prompt and an answer, which counts on from the prompt's last token; only answers are learnt."""

    num_rows = 4
    num_targets = num_rows * ANSWER

    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> Batch:
        prompts = torch.randint(1, VOCAB, (self.num_rows, PROMPT))
        answers = 1 + (prompts[:, -1:] + torch.arange(ANSWER)) % (VOCAB - 1)
        texts = torch.cat([torch.full((self.num_rows, 1), START), prompts, answers], dim=1)
        mask = torch.zeros(self.num_rows, PROMPT + ANSWER, dtype=torch.bool)
        mask[:, PROMPT:] = True
        return Batch(texts[:, :-1], texts[:, 1:], int(mask.sum()), mask)


@dataclass(frozen=True, kw_only=True)
class Rollouts(Batch):
    """Texts that the model wrote itself."""

    advantages: Tensor
    """(B,)."""


class Rewarded(TrainingStage[Rollouts]):
    """REINFORCE (Williams 1992): the model writes, and is rewarded for each token that is the wanted one."""

    num_rows, length, wanted = 16, 4, 3
    num_targets = num_rows * length

    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> Rollouts:
        state, written = model.start(self.num_rows), [torch.full((self.num_rows, 1), START)]
        for _ in range(self.length):
            written.append(torch.multinomial(state.logprobs.exp(), 1))
            _, state = model.read(state, written[-1])
        texts = torch.cat(written, dim=1)
        rewards = (texts == self.wanted).float().sum(dim=1)
        return Rollouts(texts[:, :-1], texts[:, 1:], self.num_targets, advantages=rewards - rewards.mean())

    def loss(self, model: NeuralModel, batch: Rollouts, carry: Carry | None) -> tuple[Tensor, None]:
        logits, _ = model(batch.inputs)
        logprobs = torch.log_softmax(logits, dim=-1).gather(2, batch.targets[..., None])[..., 0]
        return -(batch.advantages[:, None] * logprobs).mean(), None

    def flops(self, batch: Rollouts, forward_flops: int, train_flops: int) -> float:
        return super().flops(batch, forward_flops, train_flops) + forward_flops * batch.inputs.numel()


def new_model(config: NeuralModelConfig) -> NeuralModel:
    torch.manual_seed(0)
    model = config.build(VOCAB, START)
    assert isinstance(model, NeuralModel)
    return model.eval()


def trained(
    config: NeuralModelConfig, folder: Path, num_steps: int, stage: Answers | Rewarded | None = None
) -> tuple[NeuralModel, Spent, list[dict[str, float]]]:
    stage = stage or Answers()
    model = new_model(config)
    validation = Validation([np.full(8, Rewarded.wanted)], 8)
    budget = Budget(tokens=num_steps * stage.num_targets)
    return model, *GradientFit(model, stage, validation, TRAINING, budget, 7, folder).run(print)


def gradients(model: NeuralModel, batch: Batch) -> list[Tensor]:
    loss, _ = Answers().loss(model, batch, None)
    return list(torch.autograd.grad(loss, list(model.parameters())))


@each_config
def test_the_loss_is_the_mean_over_what_the_mask_lets_through(config: NeuralModelConfig) -> None:
    model = new_model(config)
    batch = Answers().batch(model, 0, None)
    logits = model(batch.inputs)[0].detach().double().numpy()
    losses = []
    for row in range(Answers.num_rows):
        for place in range(PROMPT, PROMPT + ANSWER):
            exponentials = np.exp(logits[row, place])
            losses.append(-np.log(exponentials[batch.targets[row, place]] / exponentials.sum()))
    assert len(losses) == batch.num_targets == 12
    loss, carry = Answers().loss(model, batch, None)
    assert loss.item() == pytest.approx(sum(losses) / 12, abs=1e-6)
    assert carry is None


@each_config
def test_what_is_masked_teaches_nothing(config: NeuralModelConfig) -> None:
    model = new_model(config)
    batch = Answers().batch(model, 0, None)
    assert batch.mask is not None

    def with_other_targets(where: Tensor) -> Batch:
        targets = torch.where(where, (batch.targets + 1) % VOCAB, batch.targets)
        return Batch(batch.inputs, targets, batch.num_targets, batch.mask)

    expected = gradients(model, batch)
    unchanged = gradients(model, with_other_targets(~batch.mask))
    assert all(torch.equal(one, other) for one, other in zip(expected, unchanged, strict=True))
    changed = gradients(model, with_other_targets(batch.mask))
    assert not all(torch.equal(one, other) for one, other in zip(expected, changed, strict=True))


@each_config
def test_a_stage_continues_from_a_checkpoint_to_the_same_bits(config: NeuralModelConfig, tmp_path: Path) -> None:
    whole, _, whole_curve = trained(config, tmp_path / "whole", 40)
    for num_checkpoints in (3, 8):
        with killed_after(num_checkpoints):
            trained(config, tmp_path / "killed", 40)
    resumed, spent, curve = trained(config, tmp_path / "killed", 40)
    assert spent.steps == 40
    for name, value in whole.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name
    assert [row["train_loss_nats"] for row in curve] == [row["train_loss_nats"] for row in whole_curve]


def test_a_stage_learns_its_task_in_the_loop(tmp_path: Path) -> None:
    _, _, curve = trained(LSTMConfig(d_model=32, learning_rate=1e-2), tmp_path, 300)
    # were the random prompts learnt too, 5 of 8 tokens would cost ln 11 = 2.4 nats for ever
    assert curve[0]["train_loss_nats"] > 1.5
    assert curve[-1]["train_loss_nats"] < 0.3


def test_a_stage_may_learn_from_what_the_model_writes(tmp_path: Path) -> None:
    model, spent, curve = trained(LSTMConfig(d_model=16, learning_rate=2e-2), tmp_path / "whole", 60, Rewarded())
    assert new_model(model.config).start().logprobs.exp()[0, Rewarded.wanted] < 0.2
    assert model.start().logprobs.exp()[0, Rewarded.wanted] > 0.9
    assert spent.flops == spent.tokens * 4 * model.cost().flops_per_token
    with killed_after(20):
        trained(LSTMConfig(d_model=16, learning_rate=2e-2), tmp_path / "killed", 60, Rewarded())
    _, _, resumed = trained(LSTMConfig(d_model=16, learning_rate=2e-2), tmp_path / "killed", 60, Rewarded())
    assert [row["train_loss_nats"] for row in resumed] == [row["train_loss_nats"] for row in curve]


def test_a_budget_counts_learnt_tokens_and_pays_for_all_that_are_read(tmp_path: Path) -> None:
    model, spent, _ = trained(LSTM, tmp_path, 5)
    assert spent.tokens == 5 * 4 * ANSWER
    assert spent.flops == 5 * 4 * (PROMPT + ANSWER) * 3 * model.cost().flops_per_token


@pytest.mark.parametrize("config", [LSTM, DiagonalConfig()], ids=["lstm", "diagonal"])
@pytest.mark.parametrize(("reset_fraction", "is_blank"), [(0.0, False), (1 - 1e-9, True)])
def test_pretraining_clears_the_carry_of_the_given_share_of_rows(
    config: NeuralModelConfig, reset_fraction: float, is_blank: bool
) -> None:
    model = new_model(config)
    stage = Pretraining(np.arange(100) % VOCAB, 4 * model.training_length, reset_fraction)
    batch = stage.batch(model, 0, None)
    assert batch.inputs.shape == (4, model.training_length)
    _, carry = stage.loss(model, batch, None)
    carried_on, _ = stage.loss(model, batch, stage.carried_on(carry))
    from_nothing, _ = stage.loss(model, batch, None)
    assert torch.equal(carried_on, from_nothing) == is_blank
