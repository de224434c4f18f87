"""Training by gradients: one loop for every family that has them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from harness.common.files import write_bytes
from harness.common.progress import Progress
from harness.common.seeds import seed_of
from harness.training.budget import TRAIN_FLOPS_PER_FORWARD_FLOP, Budget
from harness.training.progress import Spent, Validation, _curve_row
from harness.training.settings import Training
from models.language_model import NeuralModel

TRAIN_STATE_FILE = "train_state.safetensors"


class Diverged(RuntimeError):
    """The training loss is no longer a number."""


def rows_at(stream: np.ndarray, num_tokens: int, num_rows: int, length: int, step: int) -> Tensor:
    """What the rows read at a step: (B, length + 1) int64, inputs and, one further, targets.

    Row b starts b / B of the way into the first `num_tokens` tokens and reads on from step to step, through its
    neighbour's part and round the end, so every token is seen once before any is seen twice.
    """
    starts = np.arange(num_rows) * num_tokens // num_rows + step * length
    places = (starts[:, None] + np.arange(length + 1)) % num_tokens
    return torch.from_numpy(stream[places].astype(np.int64))


class _GradientFit:
    """One fit by gradients and all that a checkpoint must hold of it."""

    def __init__(
        self,
        model: NeuralModel,
        stream: np.ndarray,
        validation: Validation,
        training: Training,
        budget: Budget,
        seed: int,
        folder: Path,
    ) -> None:
        self.model, self.stream, self.validation = model, stream, validation
        self.training, self.budget, self.seed = training, budget, seed
        self.state_path = folder / TRAIN_STATE_FILE
        self.num_tokens = min(len(stream), budget.tokens or len(stream))
        self.num_rows = max(1, training.batch_tokens // model.config.training_length)
        self.flops_per_token = TRAIN_FLOPS_PER_FORWARD_FLOP * model.cost().flops_per_token
        matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        others = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": training.weight_decay}, {"params": others, "weight_decay": 0.0}],
            betas=(training.beta1, training.beta2),
            fused=True,
        )
        self.spent = Spent()
        self.curve: list[dict[str, Any]] = []
        self.carry: tuple[Tensor, ...] | None = None
        self.best_bits = math.inf
        self.best: dict[str, Tensor] = {}
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=model.device)
        self.losses = 0

    def run(self, say: Callable[[str], None]) -> tuple[Spent, list[dict[str, Any]]]:
        if self.state_path.exists():
            self._load()
            say(f"going on from the checkpoint at step {self.spent.steps:,} ({self.fraction:.0%} of the budget)")
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
        self.model.load_tensors(self.best)
        return self.spent, self.curve

    @property
    def fraction(self) -> float:
        return self.budget.fraction_spent(self.spent.tokens, self.spent.seconds, self.spent.flops)

    def _learning_rate(self) -> float:
        done, warmup, floor = self.fraction, self.training.warmup_fraction, self.training.final_learning_rate_fraction
        # never quite zero, so that the very first step moves too
        rising = (done + 1e-3) / (warmup + 1e-3)
        falling = 1 - (1 - floor) * (done - warmup) / (1 - warmup)
        return self.model.config.learning_rate * min(rising, falling)

    def _step(self) -> None:
        started = time.perf_counter()
        model, length = self.model, self.model.config.training_length
        # what is left of a token budget may be less than a whole step
        rows = rows_at(self.stream, self.num_tokens, self.num_rows, length, self.spent.steps).to(model.device)
        if self.budget.tokens is not None:
            length = min(length, math.ceil((self.budget.tokens - self.spent.tokens) / len(rows)))
        inputs, targets = rows[:, :length], rows[:, 1 : length + 1]
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(seed_of("step", self.seed, self.spent.steps))
        if self.carry is not None:
            kept = torch.rand(len(rows)) >= self.training.carry_reset_fraction
            self.carry = tuple(part * kept[None, :, None].to(part) for part in self.carry)
        model.train()
        logits, self.carry = model(inputs, self.carry)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), self.training.max_grad_norm)
        self.optimizer.step()
        model.eval()
        self.loss_sum += loss.detach()
        self.losses += 1
        self.spent.steps += 1
        self.spent.tokens += targets.numel()
        self.spent.flops += targets.numel() * self.flops_per_token
        self.spent.seconds += time.perf_counter() - started

    def _log(self, validate: bool) -> None:
        loss = float(self.loss_sum) / self.losses
        if not math.isfinite(loss):
            raise Diverged(
                f"the training loss became {loss} at step {self.spent.steps:,}. "
                f"Lower model.learning_rate (now {self.model.config.learning_rate}) or training.max_grad_norm."
            )
        self.loss_sum.zero_()
        self.losses = 0
        row = _curve_row(self.spent, train_loss_nats=loss, learning_rate=self._learning_rate())
        if validate:
            bits = row["validation_bits_per_byte"] = self.validation.bits_per_byte(self.model)
            if bits < self.best_bits:
                self.best_bits = bits
                self.best = {name: value.clone() for name, value in self.model.tensors().items()}
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
        tensors = {f"model.{name}": value for name, value in self.model.tensors().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"carry.{index}": value.cpu() for index, value in enumerate(self.carry or ())}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value.cpu() for name, value in moments.items()}
        tensors["loss_sum"] = self.loss_sum.cpu()
        facts = {"spent": asdict(self.spent), "curve": self.curve, "best_bits": self.best_bits, "losses": self.losses}
        packed = {name: value.clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
        write_bytes(self.state_path, save(packed, metadata={"facts": json.dumps(facts)}))

    def _load(self) -> None:
        with safe_open(self.state_path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.spent = Spent(**facts["spent"])
        self.curve, self.best_bits, self.losses = facts["curve"], facts["best_bits"], facts["losses"]
        self.model.load_tensors(_under(tensors, "model."))
        self.best = _under(tensors, "best.")
        self.loss_sum.copy_(tensors["loss_sum"])
        carried = _under(tensors, "carry.")
        self.carry = tuple(carried[str(index)].to(self.model.device) for index in range(len(carried))) or None
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimizer.").items():
            index, _, moment = name.partition(".")
            moments.setdefault(int(index), {})[moment] = value
        self.optimizer.load_state_dict({"state": moments, "param_groups": self.optimizer.state_dict()["param_groups"]})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _crosses(before: float, after: float, parts: int) -> bool:
    """Whether a step went over one of `parts` equal marks along the budget; the end is one of them."""
    return after >= 1 or math.floor(before * parts) < math.floor(after * parts)
