"""Speed of scoring continuations and long texts, compared with lm-eval's HFLM and a batched loop written by hand.

    python benchmarks/scoring/speed.py [--runs N] [--out DIR]     needs bakeoff[benchmarks]

Every pair is measured alternately in one run: ours, theirs, ours, theirs, ...; the ratio is of the medians. Both use
the same random weights: GPT-2's architecture with 4 layers, 128 wide, 4 heads. The requests are 1,000 sums, each after
six solved ones that most requests share; the answers must agree.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# as the command line sets them (harness/cli/main.py); read when torch and BLAS load
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from harness.config.compose import compose
from harness.evaluation.asking import score_continuations
from harness.evaluation.requests import ScoreContinuation
from harness.runs.settings import typed
from harness.scoring.likelihood import document_logprobs
from harness.text.tokenizers.hf import HFTokenizerSettings
from models.hf import HFConfig

END = "<|endoftext|>"
NUM_REQUESTS, BATCH = 1000, 64
TOLERANCE_NATS = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of each measurement")
    parser.add_argument("--out", type=Path, help="write the table into this folder, as CSV")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_peer(Path(folder))
        rows = [requests(folder, options.runs), *long_text(folder, options.runs)]
    table = pd.DataFrame(rows)
    print(table.to_markdown(index=False, floatfmt=",.2f"))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out / "speed.csv", index=False)


def write_peer(folder: Path) -> None:
    """The model and a tokenizer of single bytes, as transformers saves them."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(BPE({symbol: place for place, symbol in enumerate([*alphabet, END])}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=inner, bos_token=END, eos_token=END, pad_token=END).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(alphabet) + 1,
        n_positions=1024,
        n_embd=128,
        n_layer=4,
        n_head=4,
        initializer_range=0.1,
        bos_token_id=len(alphabet),
        eos_token_id=len(alphabet),
    )
    GPT2LMHeadModel(config).save_pretrained(folder)


def requests(folder: str, runs: int) -> dict[str, object]:
    """Requests per second; checks that the answers are the same."""
    shots = "".join(f"Question: What is {a} plus {b}?\nAnswer: {a + b}\n\n" for a, b in _sums(6, 0))
    asked = [(f"{shots}Question: What is {a} plus {b}?\nAnswer:", f" {a + b}") for a, b in _sums(NUM_REQUESTS, 1)]
    tokenizer = HFTokenizerSettings(path=folder).train([])
    model = HFConfig(path=folder).build(tokenizer.vocab_size, tokenizer.start_token)
    ours = [ScoreContinuation(prompt, target) for prompt, target in asked]
    # our texts begin with a start token
    peer = HFLM(
        pretrained=folder, tokenizer=folder, batch_size=BATCH, device="cpu", add_bos_token=True, dtype="float32"
    )
    theirs = [
        Instance("loglikelihood", {}, arguments, place, metadata=("sums", place, 1))
        for place, arguments in enumerate(asked)
    ]
    (mine, other), (fast, slow) = in_turns(
        lambda: score_continuations(model, tokenizer, ours, BATCH),
        lambda: peer.loglikelihood(theirs, disable_tqdm=True),
        runs=runs,
    )
    furthest = max(abs(one.nats + two[0]) for one, two in zip(mine, other, strict=True))
    assert furthest < TOLERANCE_NATS, furthest
    assert [one.is_greedy for one in mine] == [two[1] for two in other]
    return _row("requests", NUM_REQUESTS, "lm-eval HFLM", fast, slow) | {"furthest_nats": furthest}


def long_text(folder: str, runs: int) -> list[dict[str, object]]:
    """Tokens per second of one long text in windows that overlap by half: ours, and a loop over batches of windows."""
    rows = []
    generator = np.random.default_rng(0)
    for name in ("hf", "transformer"):
        model: Any
        if name == "hf":
            model = HFConfig(path=folder, context_length=256).build(257, 256)
        else:
            torch.manual_seed(0)
            model = typed(compose(["model=transformer", "model.context_length=256"])).model.build(257, 256).eval()
        text = generator.integers(0, 256, size=100_000)

        def by_hand(model: Any = model, text: np.ndarray = text) -> float:
            inputs, stride, size = torch.from_numpy(np.append(256, text)), 128, 256
            total = 0.0
            with torch.no_grad():
                windows = [inputs[begin : begin + size] for begin in range(0, len(inputs) - size, stride)]
                for begin in range(0, len(windows), 8):
                    batch = torch.stack(windows[begin : begin + 8])
                    logits = model.forward(batch)[0]
                    scored = torch.log_softmax(logits[:, :-1], dim=-1).gather(2, batch[:, 1:, None])[:, :, 0]
                    total += float(scored[:, -stride:].sum())
            return total

        _, (fast, slow) = in_turns(lambda: document_logprobs(model, [text]), by_hand, runs=runs)  # noqa: B023
        rows.append(_row(f"tokens of a long text, {name}", len(text), "batched loop by hand", fast, slow))
    return rows


def in_turns(*works: Callable[[], Any], runs: int) -> tuple[list[Any], list[float]]:
    """The result of each task, and its median seconds over several alternating runs, after one warm-up."""
    seconds: list[list[float]] = [[] for _ in works]
    given: list[Any] = [None for _ in works]
    for run in range(runs + 1):
        for place, work in enumerate(works):
            begin = time.perf_counter()
            given[place] = work()
            if run:
                seconds[place].append(time.perf_counter() - begin)
    return given, [statistics.median(spent) for spent in seconds]


def _row(what: str, count: int, peer: str, ours: float, theirs: float) -> dict[str, object]:
    return {
        "what": what,
        "ours_per_second": count / ours,
        "peer": peer,
        "peer_per_second": count / theirs,
        "ratio": theirs / ours,
    }


def _sums(count: int, seed: int) -> list[tuple[int, int]]:
    generator = np.random.default_rng(seed)
    return [(int(a), int(b)) for a, b in generator.integers(10, 100, size=(count, 2))]


if __name__ == "__main__":
    main()
