"""Training by gradients: one loop for every family that has them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from harness.common.durations import duration
from harness.common.environment import keep_freed_memory
from harness.common.errors import TrainingFailed, UserError
from harness.common.progress import Progress
from harness.common.seeds import seed_of
from harness.common.stop_signals import held_back
from harness.training.averaging import AveragedWeights
from harness.training.budget import Budget
from harness.training.checkpoint import TRAIN_STATE_FILE, Checkpoint
from harness.training.curve import Validation, curve_row
from harness.training.optimizers import Optimizer
from harness.training.post.stage import StageBudget
from harness.training.processes import ALONE, Processes
from harness.training.repeatable import repeatable
from harness.training.schedule import Schedule
from harness.training.settings import Training
from harness.training.spent import Spent
from harness.training.stages import TrainingStage
from harness.training.step_size import is_out_of_memory
from models.carried import Carry
from models.neural_model import NeuralModel

log = logging.getLogger("bakeoff")


class Diverged(TrainingFailed):
    """The training loss is no longer a number."""


class OutOfMemory(TrainingFailed):
    """A step or a validation needs more memory than there is."""


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
        budget: Budget | StageBudget,
        seed: int,
        folder: Path,
        processes: Processes = ALONE,
    ) -> None:
        self.processes = processes
        self.model, self.stage, self.validation = model, stage, validation
        self.training, self.budget, self.seed = training, budget, seed
        self.forward_flops, self.train_flops = model.cost().flops_per_token, model.train_flops_per_token()
        self.schedule = Schedule(
            model.config.learning_rate * stage.rate_share,
            training.warmup_fraction,
            training.final_learning_rate_fraction,
            training.schedule,
            training.decay_fraction,
        )
        self.optimizer = Optimizer(model, training)
        self.average = AveragedWeights(model, training.averaging_fraction) if training.averaging_fraction else None
        self.shared = cast(NeuralModel, processes.sharing(model))
        self.forward = cast(NeuralModel, torch.compile(self.shared, dynamic=False)) if training.compile else self.shared
        self._compiled_shape: tuple[int, ...] | None = None
        self.checkpoint = Checkpoint(folder / TRAIN_STATE_FILE)
        self._has_warned = False
        self.spent = Spent()
        self.carry: Carry | None = None
        self.loss_mean = LossMean(model.device)
        self.curve: list[dict[str, Any]] = []
        self.best = BestWeights()
        self.measured: Mapping[str, float] = {}
        """What the stage says of the last step, for the curve."""

    def run(self, say: Callable[[str], None]) -> tuple[Spent, list[dict[str, Any]]]:
        """Spend the budget; the model ends with its best weights. Returns what was spent, and the rows of the curve."""
        keep_freed_memory()
        # compiled steps would take two thirds longer
        with nullcontext() if self.training.compile else repeatable(self.model.device):
            return self._run(say)

    def _run(self, say: Callable[[str], None]) -> tuple[Spent, list[dict[str, Any]]]:
        if self._resume():
            say(
                f"continuing from the checkpoint at step {self.spent.steps:,} ({100 * self.fraction:.0f} % of the "
                "budget)"
            )
        if not self.processes.have_the_same(self.spent.steps):
            raise UserError(
                f"the {self.processes.size} processes don't read the same checkpoint in {self.checkpoint.path.parent}. "
                "Name a results_dir on a file system that all of them share."
            )
        if self.training.compile:
            self._compile()
        saved = time.perf_counter()
        with Progress("training", 100, "%") as progress, torch.random.fork_rng(), held_back() as signals:
            while self.fraction < 1:
                before = self.fraction
                with self._naming_what_to_lower():
                    self._step()
                    is_due = time.perf_counter() - saved > self.training.checkpoint_seconds
                    self.spent.seconds, is_due, stops = self.processes.agreed(
                        self.spent.seconds, is_due, signals.are_received
                    )
                    row, validated = (
                        _crosses(before, self.fraction, n)
                        for n in (self.training.num_curve_rows, self.training.num_validations)
                    )
                    if row or validated:
                        self._log(validate=validated)
                if is_due and self.fraction < 1 and not stops:
                    self._save()
                    saved = time.perf_counter()
                progress.advance_to(100 * min(1.0, self.fraction), self._status())
                if stops:
                    signals.stop(self._save)
        if self.best.tensors:
            self.model.load_tensors(self.best.tensors)
        elif self.stage.keeps_best:
            say("no validation gave a number, so none of the weights are the best: those of the last step are kept")
        return self.spent, self.curve

    @property
    def fraction(self) -> float:
        """How much of the budget is spent."""
        return self.budget.fraction_spent(self.spent)

    def _step(self) -> None:
        started = time.perf_counter()
        before = self.fraction
        rate = self.schedule.learning_rate(before)
        batch = self._batch()
        first_loss: Tensor | None = None
        for _ in range(self.stage.epochs):
            self.optimizer.clear_gradients()
            loss = self._backward(batch)
            first_loss = loss if first_loss is None else first_loss
            if not math.isfinite(loss):
                raise Diverged(self._how_it_diverged(float(loss), rate))
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.training.max_grad_norm)
            self.optimizer.step(rate)
        self.model.eval()
        self.measured = self.stage.measured(batch)
        self.loss_mean.add(cast(Tensor, first_loss))
        self.spent += self.stage.more_spent(batch)
        self.spent.steps += 1
        self.spent.tokens += batch.num_targets
        self.spent.flops += self.stage.flops(batch, self.forward_flops, self.train_flops)
        self.spent.seconds += time.perf_counter() - started
        if self.average is not None:
            self.average.add(self.fraction - before)

    def _batch(self) -> Any:
        """What the next step reads. All random numbers of the step follow from here on."""
        seed = seed_of("step", self.seed, self.spent.steps)
        if self.model.device.type == "cpu":
            # torch.manual_seed also describes the call stack, once for each kind of device that is absent
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)
        tokens_left = None if self.budget.tokens is None else self.budget.tokens - self.spent.tokens
        return self.stage.batch(self.model, self.spent.steps, tokens_left)

    def _backward(self, batch: Any) -> Tensor:
        """Add the gradients of a step's loss, part by part; the loss. The carry is that of the next step then."""
        self.model.train(self.stage.drops_out)
        before, after = self.stage.carried_on(self.carry), []
        if not self.processes.is_first:  # what concerns all rows is drawn; from here on each process draws for its own
            torch.manual_seed(seed_of("step", self.seed, self.spent.steps, "process", self.processes.rank))
        # the last step is shorter: to compile once more would take longer than to run it
        forward = self.forward if batch.inputs.shape == self._compiled_shape else self.shared
        total = torch.zeros((), device=self.model.device)
        precision = torch.autocast(
            self.model.device.type, torch.bfloat16, enabled=self.training.precision == "bfloat16"
        )
        num_rows, size = len(batch.inputs), self.processes.size
        own = self.processes.rows(num_rows)
        for rows, part in batch.parts(self.training.max_tokens_at_once, own):
            carry = None if before is None else tuple(values[:, rows] for values in before)
            with self.processes.adding_up(self.shared, is_last=rows.stop == own.stop):
                with precision:
                    loss, carry = self.stage.loss(forward, part, carry)
                loss = loss * self.stage.share(part, batch)
                (loss * size).backward()  # type: ignore[no-untyped-call]  # processes take the mean of their gradients
            total += loss.detach()
            after.append(carry)
        carried = [carry for carry in after if carry is not None]
        joined = tuple(torch.cat(parts, dim=1) for parts in zip(*carried, strict=True)) if carried else None
        self.carry = self.processes.join_rows(joined, own, num_rows)
        return self.processes.add_up(total)

    def _compile(self) -> None:
        """The gradients of two steps, thrown away: what compiling takes is not counted as training. The second step has
        a carry, which the first has not."""
        started, carry = time.perf_counter(), self.carry
        with torch.random.fork_rng():
            batch = self._batch()
            self._compiled_shape = batch.inputs.shape
            for _ in range(2):
                self._backward(batch)
        self.optimizer.clear_gradients()
        self.model.eval()
        self.carry = carry
        log.info("compiled in %s, which is not counted as training", duration(time.perf_counter() - started))

    def _how_it_diverged(self, loss: float, rate: float) -> str:
        return (
            f"the training loss became {loss} at step {self.spent.steps + 1:,}, with a learning rate of {rate:.3g}. "
            f"No weight was changed by that step.{self._kept()} Lower {self.stage.rate_option} (the learning rate is "
            f"{self.schedule.peak:g} at its peak) or training.max_grad_norm (now {self.training.max_grad_norm:g})."
        )

    def _kept(self) -> str:
        """What is left of the fit where it fails, as a sentence after a blank; '' where nothing is."""
        path = self.checkpoint.path
        return f" The checkpoint in {path.parent} is from before." if path.exists() else ""

    @contextmanager
    def _naming_what_to_lower(self) -> Iterator[None]:
        """Where memory runs out in this block, OutOfMemory says which options need less, and what they are now."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(self._what_to_lower()) from error

    def _what_to_lower(self) -> str:
        training, config = self.training, self.model.config
        at_once = "all of a step" if training.max_tokens_at_once is None else f"{training.max_tokens_at_once:,}"
        options = [
            f"training.max_tokens_at_once (now {at_once}), which changes no result",
            f"training.batch_tokens (now {training.batch_tokens:,})",
        ]
        if self.budget.num_params is not None and config.uses_num_params:
            options.append(f"budget.num_params (now {self.budget.num_params:,})")
        elif config.width_field is not None:
            options.append(f"model.{config.width_field} (now {getattr(config, config.width_field):,})")
        return (
            f"{self.model.device} has not enough memory for step {self.spent.steps + 1:,} of model={config.family}, "
            f"which has {self.model.num_params():,} parameters.{self._kept()} Lower {'; or '.join(options)}. Or end "
            "other programs, and run the same command to continue."
        )

    def _log(self, validate: bool) -> None:
        rate = self.schedule.learning_rate(self.fraction)
        row = curve_row(self.spent, train_loss_nats=self.loss_mean.take(), learning_rate=rate, **self.measured)
        if validate and self.processes.is_first:
            with nullcontext() if self.average is None else self.average.in_place():
                bits = row["validation_bits_per_byte"] = self.validation.bits_per_byte(self.model)
                if self.stage.keeps_best:
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
        """Write a checkpoint. Where the disk refuses it, the fit goes on: the last one is kept, with one warning."""
        if not self.processes.is_first:
            return
        try:
            self._write_checkpoint()
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                kept = "the one before is kept" if self.checkpoint.path.exists() else "there is none"
                log.warning(
                    "the checkpoint of step %s can't be written to %s (%s); %s. The fit goes on, and tries again every "
                    "%g seconds. Free some space: a fit that ends now goes on from there",
                    f"{self.spent.steps:,}",
                    self.checkpoint.path.parent,
                    error.strerror,
                    kept,
                    self.training.checkpoint_seconds,
                )

    def _write_checkpoint(self) -> None:
        self.checkpoint.write(
            {
                "model": self.model.tensors(),
                "best": self.best.tensors,
                "carry": {str(index): value for index, value in enumerate(self.carry or ())},
                "average": {} if self.average is None else self.average.tensors,
                "optimizer": self.optimizer.state(),
                "stage": self.stage.tensors(),
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
        if self.average is not None:
            self.average.tensors = {name: value.to(self.model.device) for name, value in parts["average"].items()}
        self.optimizer.load_state(parts["optimizer"])
        self.stage.load_tensors(parts["stage"])
        return True


def _crosses(before: float, after: float, parts: int) -> bool:
    """Whether a step went over one of `parts` equal marks along the budget; the end is one of them."""
    return after >= 1 or math.floor(before * parts) < math.floor(after * parts)
