"""Training by gradients: one loop for every family that has them."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.common.progress import Progress
from harness.common.seeds import seed_of
from harness.training.budget import Budget
from harness.training.checkpoint import TRAIN_STATE_FILE, Checkpoint
from harness.training.curve import Spent, Validation, curve_row
from harness.training.schedule import Schedule
from harness.training.settings import Training
from harness.training.stages import TrainingStage
from models.carried import Carry
from models.neural_model import NeuralModel


class Diverged(RuntimeError):
    """The training loss is no longer a number."""


class LossMean:
    """The mean training loss since the last row of the curve, summed on the model's device."""

    def __init__(self, device: torch.device) -> None:
        self.sum = torch.zeros((), dtype=torch.float64, device=device)
        self.count = 0

    def add(self, loss: Tensor) -> None:
        self.sum += loss.detach()
        self.count += 1

    def take(self) -> float:
        """The mean; the next mean starts from nothing."""
        mean = float(self.sum) / self.count
        self.sum.zero_()
        self.count = 0
        return mean


class BestWeights:
    """The weights that were best on validation text so far."""

    def __init__(self) -> None:
        self.bits_per_byte = math.inf
        self.tensors: dict[str, Tensor] = {}
        """Empty until a validation gave a number."""

    def offer(self, bits_per_byte: float, model: NeuralModel) -> None:
        if bits_per_byte < self.bits_per_byte:
            self.bits_per_byte = bits_per_byte
            self.tensors = {name: value.clone() for name, value in model.tensors().items()}


class GradientFit:
    """The training loop of one fit by gradients, for any stage."""

    def __init__(
        self,
        model: NeuralModel,
        stage: TrainingStage[Any],
        validation: Validation,
        training: Training,
        budget: Budget,
        seed: int,
        folder: Path,
    ) -> None:
        self.model, self.stage, self.validation = model, stage, validation
        self.training, self.budget, self.seed = training, budget, seed
        self.flops_per_token = model.cost().flops_per_token
        self.schedule = Schedule(
            model.config.learning_rate, training.warmup_fraction, training.final_learning_rate_fraction
        )
        self.optimizer = _optimizer(model, training)
        self.checkpoint = Checkpoint(folder / TRAIN_STATE_FILE)
        self.spent = Spent()
        self.carry: Carry | None = None
        self.loss_mean = LossMean(model.device)
        self.curve: list[dict[str, Any]] = []
        self.best = BestWeights()

    def run(self, say: Callable[[str], None]) -> tuple[Spent, list[dict[str, Any]]]:
        """Spend the budget; the model ends with its best weights. Returns what was spent, and the rows of the curve."""
        if self._resume():
            say(f"continuing from the checkpoint at step {self.spent.steps:,} ({self.fraction:.0%} of the budget)")
        saved = time.perf_counter()
        with Progress("training", 100, "%") as progress, torch.random.fork_rng():
            while self.fraction < 1:
                before = self.fraction
                self._step()
                row, validated = (
                    _crosses(before, self.fraction, n)
                    for n in (self.training.num_curve_rows, self.training.num_validations)
                )
                if row or validated:
                    self._log(validate=validated)
                if time.perf_counter() - saved > self.training.checkpoint_seconds and self.fraction < 1:
                    self._save()
                    saved = time.perf_counter()
                progress.advance_to(100 * min(1.0, self.fraction), self._status())
        if self.best.tensors:
            self.model.load_tensors(self.best.tensors)
        else:
            say("no validation gave a number, so none of the weights are the best: those of the last step are kept")
        return self.spent, self.curve

    @property
    def fraction(self) -> float:
        """How much of the budget is spent."""
        return self.budget.fraction_spent(self.spent.tokens, self.spent.seconds, self.spent.flops)

    def _step(self) -> None:
        started = time.perf_counter()
        model = self.model
        rate = self.schedule.learning_rate(self.fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["learning_rate_scale"]
        torch.manual_seed(seed_of("step", self.seed, self.spent.steps))
        tokens_left = None if self.budget.tokens is None else self.budget.tokens - self.spent.tokens
        batch = self.stage.batch(model, self.spent.steps, tokens_left)
        model.train()
        loss, self.carry = self.stage.loss(model, batch, self.carry)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), self.training.max_grad_norm)
        self.optimizer.step()
        model.eval()
        self.loss_mean.add(loss)
        self.spent.steps += 1
        self.spent.tokens += batch.num_targets
        self.spent.flops += self.stage.flops(batch, self.flops_per_token)
        self.spent.seconds += time.perf_counter() - started

    def _log(self, validate: bool) -> None:
        loss = self.loss_mean.take()
        if not math.isfinite(loss):
            raise Diverged(
                f"the training loss became {loss} at step {self.spent.steps:,}. "
                f"Lower model.learning_rate (now {self.model.config.learning_rate}) or training.max_grad_norm."
            )
        rate = self.schedule.learning_rate(self.fraction)
        row = curve_row(self.spent, train_loss_nats=loss, learning_rate=rate)
        if validate:
            bits = row["validation_bits_per_byte"] = self.validation.bits_per_byte(self.model)
            self.best.offer(bits, self.model)
        self.curve.append(row)

    def _status(self) -> str:
        if not self.curve:
            return ""
        validated = [
            row["validation_bits_per_byte"] for row in self.curve if not math.isnan(row["validation_bits_per_byte"])
        ]
        best = f", validation {validated[-1]:.3f} bits/byte" if validated else ""
        return (
            f"loss {self.curve[-1]['train_loss_nats']:.3f} nats{best}, "
            f"{self.curve[-1]['tokens_per_second']:,.0f} tokens/s"
        )

    def _save(self) -> None:
        moments = self.optimizer.state_dict()["state"]
        self.checkpoint.write(
            {
                "model": self.model.tensors(),
                "best": self.best.tensors,
                "carry": {str(index): value for index, value in enumerate(self.carry or ())},
                "optimizer": {f"{index}.{name}": value for index, of in moments.items() for name, value in of.items()},
                "loss": {"sum": self.loss_mean.sum},
            },
            {
                "spent": asdict(self.spent),
                "curve": self.curve,
                "best_bits_per_byte": self.best.bits_per_byte,
                "num_losses": self.loss_mean.count,
            },
        )

    def _resume(self) -> bool:
        """Go on from the checkpoint; False where there is none that can be read."""
        saved = self.checkpoint.read()
        if saved is None:
            return False
        parts, facts = saved
        self.spent, self.curve = Spent(**facts["spent"]), facts["curve"]
        self.model.load_tensors(parts["model"])
        self.best.tensors, self.best.bits_per_byte = parts["best"], facts["best_bits_per_byte"]
        self.loss_mean.sum.copy_(parts["loss"]["sum"])
        self.loss_mean.count = facts["num_losses"]
        carried = parts["carry"]
        self.carry = tuple(carried[str(index)].to(self.model.device) for index in range(len(carried))) or None
        moments: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, value in parts["optimizer"].items():
            index, _, name = key.partition(".")
            moments[int(index)][name] = value
        self.optimizer.load_state_dict({"state": moments, "param_groups": self.optimizer.state_dict()["param_groups"]})
        return True


def _optimizer(model: NeuralModel, training: Training) -> torch.optim.AdamW:
    """AdamW over the family's groups of parameters; the schedule sets their learning rates."""
    groups = [
        {
            "params": list(group.parameters),
            "weight_decay": training.weight_decay if group.is_decayed else 0.0,
            "learning_rate_scale": group.learning_rate_scale,
        }
        for group in model.parameter_groups()
    ]
    return torch.optim.AdamW(groups, betas=(training.beta1, training.beta2), fused=True)


def _crosses(before: float, after: float, parts: int) -> bool:
    """Whether a step went over one of `parts` equal marks along the budget; the end is one of them."""
    return after >= 1 or math.floor(before * parts) < math.floor(after * parts)
