"""Speed of text generation compared with transformers' generate, and the cost of a token by length.

    python benchmarks/generation/speed.py [--runs N] [--only TABLE ...] [--out DIR]    needs bakeoff[benchmarks]

Every pair is measured alternately in one run: ours, theirs, ours, theirs, ...; the ratio is of the medians.
Theirs is GPT-2's architecture at 4 layers, 128 wide, 4 heads, a vocabulary of 257 bytes, with random weights; ours is
model=transformer of the same shape, model=hf with theirs weights, and the other families at about as many parameters.
All decode greedily. Speculative decoding: a model fitted briefly to the built-in plays, with an n-gram as its draft.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# as the command line sets them (harness/cli/main.py); read when torch and BLAS load
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.searches.speculative import Speculative
from harness.completion.sequence import Prompt
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.shakespeare import Shakespeare
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.curve import Validation
from harness.training.training import fit
from models.language_model import LanguageModel

TOKENIZER = ByteTokenizerSettings().train([])
START = TOKENIZER.start_token
CONTEXT = 1024
PROMPT = "First Citizen: Before we proceed any further, hear me speak."
GREEDY = DecodingStrategy(Greedy())
SIZES = {
    "transformer": ["model.num_layers=4", "model.d_model=128", "model.num_heads=4", f"model.context_length={CONTEXT}"],
    "lstm": [],
    "gru": [],
    "ngram": ["model.order=5"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each measurement")
    parser.add_argument("--only", nargs="+", choices=("speed", "length", "speculative"), help="these tables alone")
    parser.add_argument("--out", type=Path, help="write the tables into this folder, as CSV")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peer = peers_model(Path(folder))
        models = {name: built(name) for name in SIZES}
        models["hf"] = built("hf", [f"model.path={folder}"])
        measured = {
            "speed": lambda: speed(models, peer, options.runs),
            "length": lambda: length(models, options.runs),
            "speculative": lambda: speculative(options.runs),
        }
        for name in options.only or measured:
            table = measured[name]()
            print(f"\n{name}\n" + table.to_markdown(index=False, floatfmt=",.3f"), flush=True)
            if options.out:
                options.out.mkdir(parents=True, exist_ok=True)
                table.to_csv(options.out / f"{name}.csv", index=False)


def peers_model(folder: Path) -> Any:
    """A GPT-2 with random weights that never ends a document, saved to a folder."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=TOKENIZER.vocab_size,
        n_positions=CONTEXT,
        n_embd=128,
        n_layer=4,
        n_head=4,
        initializer_range=0.2,
        bos_token_id=START,
        eos_token_id=START,
    )
    model = GPT2LMHeadModel(config).eval()
    model.save_pretrained(folder)
    return model


def built(family: str, options: Sequence[str] = ()) -> LanguageModel:
    """A model of a family, fitted to a little text."""
    settings = typed(compose([f"model={family}", *SIZES.get(family, ()), *options]))
    torch.manual_seed(0)
    model = settings.model.build(TOKENIZER.vocab_size, START)
    if family == "ngram":
        _fit(model, 300_000)
    elif isinstance(model, torch.nn.Module):
        model.eval()
    return model


def speed(models: dict[str, LanguageModel], peer: Any, runs: int) -> pd.DataFrame:
    """Tokens per second at batch sizes 1 and 16, with 200 new tokens each."""
    rows = []
    for batch in (1, 16):
        new_tokens = 200
        prompts = [Prompt(PROMPT[row:], new_tokens) for row in range(batch)]
        alike = [Prompt(PROMPT, new_tokens)] * batch
        read = torch.tensor([[START, *TOKENIZER.encode(PROMPT)]]).repeat(batch, 1)

        def theirs(read: torch.Tensor = read, new_tokens: int = new_tokens) -> int:
            peer.generate(
                read,
                attention_mask=torch.ones_like(read),
                do_sample=False,
                min_new_tokens=new_tokens,
                max_new_tokens=new_tokens,
                pad_token_id=START,
            )
            return new_tokens * len(read)

        for name, model in models.items():
            for what, asked in (("equal prompts", alike), ("ragged prompts", prompts)):
                if batch == 1 and what != "equal prompts":
                    continue
                engine = Engine(model, TOKENIZER, GREEDY)
                ours, other = in_turns(lambda: written(engine, asked), theirs, runs=runs)  # noqa: B023
                rows.append(
                    {
                        "model": name,
                        "batch": batch,
                        "prompts": what,
                        "num_params": model.cost().num_params,
                        "tokens_per_second": ours,
                        "transformers_tokens_per_second": other,
                        "ratio": ours / other,
                    }
                )
                print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def written(engine: Engine, prompts: Sequence[Prompt]) -> int:
    return sum(len(made.tokens) for made in engine.complete(prompts))


def in_turns(*works: Callable[[], int], runs: int) -> list[float]:
    """Tokens per second of each task: the median of several alternating runs, after one warm-up."""
    found: list[list[float]] = [[] for _ in works]
    for run in range(runs + 1):
        for place, work in enumerate(works):
            begin = time.perf_counter()
            tokens = work()
            if run:
                found[place].append(tokens / (time.perf_counter() - begin))
    return [statistics.median(values) for values in found]


def length(models: dict[str, LanguageModel], runs: int) -> pd.DataFrame:
    """Milliseconds per token at batch size 1, by the number of tokens read before."""
    rows = []
    ids = torch.from_numpy(np.resize(TOKENIZER.encode(PROMPT), CONTEXT))[None]
    for name, model in models.items():
        row: dict[str, object] = {"model": name}
        for read in (50, 200, 500, 1000):
            spent = []
            for _ in range(runs):
                _, state = model.read(model.start(1), ids[:, :read])
                for place in range(20):
                    begin = time.perf_counter()
                    _, state = model.read(state, ids[:, read + place % 20 : read + place % 20 + 1])
                    spent.append(time.perf_counter() - begin)
            row[f"milliseconds_at_{read}"] = 1000 * statistics.median(spent)
        row["ratio_1000_to_50"] = float(str(row["milliseconds_at_1000"])) / float(str(row["milliseconds_at_50"]))
        rows.append(row)
        print(row)
    return pd.DataFrame(rows)


def speculative(runs: int) -> pd.DataFrame:
    """An n-gram drafts for transformers of two sizes, all fitted briefly to the plays."""
    rows = []
    draft = built("ngram")
    for what, d_model, num_layers in (("small", 128, 4), ("large", 384, 6)):
        settings = typed(
            compose(
                ["model=transformer", f"model.d_model={d_model}", f"model.num_layers={num_layers}", "model.num_heads=4"]
            )
        )
        torch.manual_seed(0)
        model = settings.model.build(TOKENIZER.vocab_size, START)
        _fit(model, 300_000)
        for chooser in (Greedy(), Draw()):
            for num_draft_tokens in (2, 4, 8):
                search = Speculative("draft", num_draft_tokens)
                strategy = DecodingStrategy(chooser, {}, search)
                drafting = Engine(model, TOKENIZER, strategy, find_model=lambda name: (draft, TOKENIZER))
                plain = Engine(model, TOKENIZER, DecodingStrategy(chooser))
                prompts = [Prompt(PROMPT, 150, seed=seed) for seed in range(2)]
                tally = search.tally(drafting, prompts)
                fast, slow = in_turns(
                    lambda: sum(written(drafting, [prompt]) for prompt in prompts),  # noqa: B023
                    lambda: sum(written(plain, [prompt]) for prompt in prompts),  # noqa: B023
                    runs=runs,
                )
                rows.append(
                    {
                        "model": f"{what}: {num_layers} layers, {d_model} wide",
                        "chooser": type(chooser).__name__.lower(),
                        "num_draft_tokens": num_draft_tokens,
                        "acceptance_rate": tally.accepted / tally.drafted,
                        "tokens_per_second": fast,
                        "plain_tokens_per_second": slow,
                        "speed_up": fast / slow,
                    }
                )
                print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def _fit(model: LanguageModel, num_tokens: int) -> None:
    """A short fit to the plays."""
    settings = typed(compose([f"budget.tokens={num_tokens}", "budget.num_params=null"]))
    corpus = Shakespeare().load()
    stream = np.concatenate([np.append(START, TOKENIZER.encode(document.text)) for document in corpus.train])
    held_out = [TOKENIZER.encode(document.text)[:2_000] for document in corpus.validation]
    validation = Validation(held_out, sum(map(len, held_out)))
    with tempfile.TemporaryDirectory() as folder:
        fit(model, stream, validation, settings.training, settings.budget, 0, Path(folder), lambda *line: None)
    if isinstance(model, torch.nn.Module):
        model.eval()


if __name__ == "__main__":
    main()
