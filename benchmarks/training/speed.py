"""Speed of training compared with a bare torch loop over the same model, with transformers' GPT-2, and by family.

    python benchmarks/training/speed.py [--runs N] [--quick] [--busy] [--out DIR]     needs bakeoff[benchmarks]

Every pair is measured alternately in one run: ours, theirs, ours, theirs, ...; a ratio is the median of the turns'
ratios, beside the least and the greatest. Ours is a whole fit: batches, loss, clipping, optimizer, curve, progress and
one validation of a few tokens. Steps are of 1,024 tokens of random text from a vocabulary of 66 characters.

share_of_peak: the floating-point operations that a family counts for a step, over those of a large matrix product
measured in the same turn. --busy: on a machine with other work, processor time of one thread in place of seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# as the command line sets it (harness/cli/main.py); read when torch loads
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from harness.config.compose import compose
from harness.runs.settings import typed
from harness.training.budget import Budget, solve_width
from harness.training.curve import Validation
from harness.training.settings import Training
from harness.training.training import fit
from models.neural_model import NeuralModel

VOCAB, BATCH = 66, 1024
FAMILIES = ("transformer", "lstm", "gru", "rnn", "mlp", "mingru", "minlstm", "ssm", "linear_attention")
PEAK_WIDTH = 2048
STREAM = np.random.default_rng(0).integers(0, VOCAB - 1, 500_000)


@dataclass(frozen=True)
class Measure:
    """How often and how long."""

    runs: int
    steps: int
    clock: Callable[[], float]

    def in_turns(self, *works: Callable[[], None]) -> list[list[float]]:
        """Seconds of each work in each of the alternating runs, after one warm-up."""
        seconds: list[list[float]] = [[] for _ in works]
        for run in range(self.runs + 1):
            for of_work, work in zip(seconds, works, strict=True):
                begin = self.clock()
                work()
                if run:
                    of_work.append(self.clock() - begin)
        return seconds

    def row(
        self, what: str, ours: Callable[[], None], peer: str, theirs: Callable[[], None], model: NeuralModel
    ) -> dict[str, object]:
        """A row of the table. model: the one that is trained by `ours`."""
        mine, others, peaks = self.in_turns(ours, theirs, multiply)
        tokens = self.steps * BATCH
        ratios = [other / own for own, other in zip(mine, others, strict=True)]
        step_flops = model.train_flops_per_token() * tokens
        row = {
            "what": what,
            "num_params": model.num_params(),
            "tokens_per_second": tokens / statistics.median(mine),
            "peer": peer,
            "peer_tokens_per_second": tokens / statistics.median(others),
            "ratio": statistics.median(ratios),
            "ratio_least": min(ratios),
            "ratio_greatest": max(ratios),
            "share_of_peak": statistics.median(
                step_flops / own * peak / (2 * PEAK_WIDTH**3) for own, peak in zip(mine, peaks, strict=True)
            ),
        }
        print(row, flush=True)
        return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="two short runs of the smaller size only")
    parser.add_argument("--busy", action="store_true", help="processor time of one thread, not seconds")
    parser.add_argument("--out", type=Path, help="write the table into this folder, as CSV")
    options = parser.parse_args()
    if options.busy:
        torch.set_num_threads(1)
    clock = time.process_time if options.busy else time.perf_counter
    measure = Measure(2, 10, clock) if options.quick else Measure(options.runs, 60, clock)
    rows = [
        against_bare_loop(measure, family, num_params)
        for num_params in ((300_000,) if options.quick else (300_000, 800_000))
        for family in FAMILIES
    ]
    rows += [against_transformers(measure), gru_against_lstm(measure)]
    table = pd.DataFrame(rows)
    print(table.to_markdown(index=False, floatfmt=",.3f"))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out / "speed.csv", index=False)


def against_bare_loop(measure: Measure, family: str, num_params: int) -> dict[str, object]:
    model = built(family, num_params=num_params)
    return measure.row(
        family, fitting(model, measure.steps), "bare loop", bare_loop(model, model, measure.steps), model
    )


def against_transformers(measure: Measure) -> dict[str, object]:
    """GPT-2 with 4 layers, 128 wide, 4 heads, windows of 256, without dropout."""
    model = built("transformer", ["model.preset=gpt2", "model.num_heads=4", "model.context_length=256"])
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCAB,
        n_positions=model.training_length,
        n_embd=128,
        n_layer=4,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    peer = GPT2LMHeadModel(config)
    assert peer.num_parameters() == model.num_params()

    def forward(tokens: Tensor, carry: None) -> tuple[Tensor, None]:
        return peer(tokens, use_cache=False).logits, None

    theirs = bare_loop(peer, forward, measure.steps, model.training_length)
    return measure.row("transformer, preset=gpt2", fitting(model, measure.steps), "transformers GPT-2", theirs, model)


def gru_against_lstm(measure: Measure) -> dict[str, object]:
    """One layer of 256."""
    gru, lstm = (built(family, ["model.num_layers=1", "model.d_model=256"]) for family in ("gru", "lstm"))
    return measure.row("gru", fitting(gru, measure.steps), "lstm of that width", fitting(lstm, measure.steps), gru)


def built(family: str, options: Sequence[str] = (), num_params: int | None = None) -> NeuralModel:
    """An untrained model, to be trained by AdamW as its peers are."""
    overrides = [f"model={family}", "model.optimizer=adamw", *options]
    config = solve_width(typed(compose(overrides)).model, num_params, VOCAB)
    torch.manual_seed(0)
    model = config.build(VOCAB, VOCAB - 1)
    assert isinstance(model, NeuralModel)
    return model


def fitting(model: NeuralModel, steps: int) -> Callable[[], None]:
    """A fit of so many steps, which goes on from the weights that the model has."""
    training = replace(Training(), batch_tokens=BATCH, num_validations=1)
    validation = Validation([STREAM[:64]], 64)

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            budget = Budget(tokens=steps * BATCH)
            fit(model, STREAM, validation, training, budget, 0, Path(folder), lambda line: None)

    return work


def bare_loop(module: torch.nn.Module, forward: Any, steps: int, length: int | None = None) -> Callable[[], None]:
    """The shortest loop that does the same: random stretches, cross-entropy, clipping, AdamW. length: of a row."""
    stream = torch.from_numpy(STREAM)
    row_length: int = length or forward.training_length

    def work() -> None:
        module.train()
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        carry = None
        for _ in range(steps):
            begins = torch.randint(len(stream) - row_length, (BATCH // row_length,)).tolist()
            rows = torch.stack([stream[begin : begin + row_length + 1] for begin in begins])
            optimizer.zero_grad(set_to_none=True)
            logits, carry = forward(rows[:, :-1], carry)
            F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()).backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()

    return work


def multiply() -> None:
    """The product that the peak is measured by."""
    torch.mm(*_FACTORS)


_FACTORS = torch.ones(2, PEAK_WIDTH, PEAK_WIDTH).unbind()


if __name__ == "__main__":
    main()
