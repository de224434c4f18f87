"""Fitting a model to a token stream: one loop for every family that learns by gradients, one for those that count.

The training stream is read in order by rows side by side, each from its own place in it; a recurrent family's state is
carried from one stretch to the next. Nothing depends on the wall clock unless the budget is in seconds, every step's
random numbers follow from (seed, step), and a checkpoint holds all that the next step needs: so a fit that was killed
and started again ends with the same weights as one that was not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from harness.budget import TRAIN_FLOPS_PER_FORWARD_FLOP, Budget
from harness.progress import Progress
from harness.record import write_bytes
from harness.scoring import document_logprobs, likelihood, nats
from harness.seeds import seed_of
from models.combined import CombinedModel
from models.language_model import CountingModel, LanguageModel, NeuralModel

TRAIN_STATE_FILE = "train_state.safetensors"
_TOKENS_COUNTED_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Training:
    """How gradients are followed. Families that count need none of it but `validation_bytes`."""

    batch_tokens: int = 1024
    """Tokens of a training step; each family reads them as rows of its own `training_length`, side by side."""
    warmup_fraction: float = 0.05
    """Share of the budget over which the learning rate rises from 0 to its peak; then it falls in a straight line."""
    final_learning_rate_fraction: float = 0.02
    """Where it ends, as a share of the peak."""
    weight_decay: float = 0.01
    """Decoupled weight decay (AdamW, Loshchilov & Hutter 2019), of matrices only."""
    beta1: float = 0.9
    """Adam's memory of the gradient."""
    beta2: float = 0.99
    """Adam's memory of the squared gradient."""
    max_grad_norm: float = 1.0
    """Gradients longer than this are shortened to it (Pascanu, Mikolov & Bengio 2013)."""
    carry_reset_fraction: float = 0.01
    """Share of the steps at which a row's carried state is blanked, so that opening a document stays familiar."""
    num_validations: int = 10
    """How often validation text is scored along the budget; the best of them gives the weights."""
    num_curve_rows: int = 100
    """Rows of curve.parquet along the budget."""
    validation_bytes: int = 30_000
    """Score validation documents up to about this many bytes each time."""
    checkpoint_seconds: float = 10.0
    """A checkpoint for resuming is written when this many seconds have passed since the last."""
    continue_from: str | None = None
    """A run whose fit this one goes on from, with its tokenizer: more text is counted, or its weights are trained on.
    None: from nothing."""

    def __post_init__(self) -> None:
        for name in ("batch_tokens", "num_validations", "num_curve_rows", "validation_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is not allowed: it must be 1 or more")
        for name in ("warmup_fraction", "final_learning_rate_fraction", "beta1", "beta2", "carry_reset_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"{name}={getattr(self, name)} is not allowed: it must be from 0 up to, but not including, 1"
                )
        if self.weight_decay < 0 or self.max_grad_norm <= 0 or self.checkpoint_seconds <= 0:
            raise ValueError("weight_decay must be 0 or more, max_grad_norm and checkpoint_seconds above 0")


@dataclass
class Spent:
    """What a fit has cost so far."""

    tokens: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    steps: int = 0


@dataclass(frozen=True)
class Validation:
    """The text that checkpoints are chosen by, as tokens."""

    documents: Sequence[np.ndarray]
    num_bytes: int

    def as_tensors(self) -> list[Tensor]:
        return [torch.from_numpy(document) for document in self.documents]

    def bits_per_byte(self, model: LanguageModel) -> float:
        """NaN where the model gives no probabilities, or a zero."""
        total = sum(nats(logprobs) for logprobs in document_logprobs(model, self.documents))
        found = likelihood(model, total, 0).nats
        return math.nan if found is None else found / math.log(2) / self.num_bytes


class Diverged(RuntimeError):
    """The training loss is no longer a number."""


def fit(
    model: LanguageModel,
    stream: np.ndarray,
    validation: Validation,
    training: Training,
    budget: Budget,
    seed: int,
    folder: Path,
    say: Callable[[str], None],
) -> tuple[Spent, list[dict[str, Any]]]:
    """Fit a model in place; it ends with the weights that were best on validation text.

    stream: (N,) token ids, each document opened by the start token. folder: holds the checkpoint while the fit is
    unfinished, and is resumed from. Returns what was spent and the rows of the training curve. Raises Diverged.
    """
    if isinstance(model, NeuralModel):
        return _GradientFit(model, stream, validation, training, budget, seed, folder).run(say)
    assert isinstance(model, CountingModel), "a family learns by gradients, by counting, or not from text itself"
    return _fit_by_counting(model, stream, validation, budget, folder)


def tune(model: CombinedModel, validation: Validation, spent: Spent) -> list[dict[str, Any]]:
    """Let validation text choose how a combination's members are combined; the rows of its training curve.

    spent: what the members' fits cost; the tuning's time is added.
    """
    with Progress("combining", 100, "%"):
        started = time.perf_counter()
        model.tune(validation.as_tensors())
        spent.seconds += time.perf_counter() - started
    return [_curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(model))]


def take(model: LanguageModel, validation: Validation) -> tuple[Spent, list[dict[str, Any]]]:
    """A model whose weights were there already: nothing is spent on it here, and its curve is one row."""
    spent = Spent()
    return spent, [_curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(model))]


def _fit_by_counting(
    model: CountingModel, stream: np.ndarray, validation: Validation, budget: Budget, folder: Path
) -> tuple[Spent, list[dict[str, Any]]]:
    spent = Spent()
    model.scratch_folder = folder
    total = min(len(stream), budget.tokens or len(stream))
    with Progress("counting", total, "tokens") as progress:
        while spent.tokens < total and budget.fraction_spent(spent.tokens, spent.seconds, spent.flops) < 1:
            started = time.perf_counter()
            piece = stream[spent.tokens : min(total, spent.tokens + _TOKENS_COUNTED_AT_ONCE)]
            model.count(torch.from_numpy(piece.astype(np.int64)))
            spent.tokens += len(piece)
            spent.steps += 1
            spent.seconds += time.perf_counter() - started
            progress.advance(len(piece))
    with Progress("smoothing", 100, "%") as progress:
        started = time.perf_counter()
        model.finish(validation.as_tensors(), budget.num_params, lambda share: progress.advance_to(100 * share))
        spent.seconds += time.perf_counter() - started
    return spent, [_curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(model))]


def _curve_row(spent: Spent, **measured: float) -> dict[str, Any]:
    missing = dict.fromkeys(("train_loss_nats", "validation_bits_per_byte", "learning_rate"), math.nan)
    tokens_per_second = spent.tokens / spent.seconds if spent.seconds else math.nan
    return {
        "step": spent.steps,
        "tokens": spent.tokens,
        "flops": spent.flops,
        "seconds": spent.seconds,
        **missing,
        "tokens_per_second": tokens_per_second,
        **measured,
    }


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
