"""Speed of fitting, scoring and generating with n-grams, compared with KenLM's Python package and nltk.lm.

    python benchmarks/ngram/speed.py [--runs N] [--out FILE]       needs the packages kenlm and nltk beside bakeoff's

Every line is measured alternately in one run: ours, theirs, ours, theirs, ...; the ratio is of the medians. The text is
the built-in plays, as characters and as 1,024 BPE tokens; the last tenth is scored. KenLM's package only scores (our
own model, written as an ARPA file and built into its binary format). So fitting is compared only with nltk, on a
hundredth of the text, because nltk is slow. Compilation isn't measured: everything runs once before.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from harness.completion.engine import Engine
from harness.completion.sequence import Prompt
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.shakespeare import Shakespeare
from harness.text.tokenizers.tokenizer import Tokenizer
from models.ngram import NGram, NGramConfig
from models.ngrams.arpa import write_arpa

BATCH, NEW_TOKENS = 64, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each measurement")
    parser.add_argument("--out", type=Path, help="write the table here, as CSV")
    options = parser.parse_args()
    rows = []
    for unit in ("char", "bpe"):
        train, test, tokenizer = text(unit)
        for order in (3, 5, 7):
            rows += measure(unit, order, train, test, tokenizer, options.runs)
            print(pd.DataFrame(rows).tail(4).to_string(index=False, header=len(rows) <= 4))
    table = pd.DataFrame(rows)
    print("\n" + table.to_markdown(index=False, floatfmt=",.2f"))
    if options.out:
        table.to_csv(options.out, index=False)


def text(unit: str) -> tuple[np.ndarray, np.ndarray, Tokenizer]:
    """Training and test ids, each beginning with the start token, and the tokenizer."""
    documents = Shakespeare().load().train
    tokenizer = typed(compose([f"tokenizer={unit}"])).tokenizer.train(documents)
    ids = tokenizer.encode("\n\n".join(document.text for document in documents))
    cut = len(ids) * 9 // 10
    start = [tokenizer.start_token]
    return np.concatenate([start, ids[:cut]]), np.concatenate([start, ids[cut:]]), tokenizer


def measure(
    unit: str, order: int, train: np.ndarray, test: np.ndarray, tokenizer: Tokenizer, runs: int
) -> list[dict[str, object]]:
    import kenlm
    import nltk.lm

    vocab_size, start = tokenizer.vocab_size, tokenizer.start_token
    few = train[: len(train) // 100]
    model, small = fit(train, order, vocab_size, start), fit(few, order, vocab_size, start)
    words = [f"t{token}" for token in range(vocab_size)]
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "model.arpa"
        with arpa.open("w") as file:
            write_arpa(model.backoff_model, start, words, file)
        try:
            theirs = kenlm.Model(str(arpa))
        except (
            OSError
        ):  # KenLM was built for lower orders; MAX_ORDER=7 pip install --no-binary kenlm kenlm builds another
            theirs = None
    sentence = " ".join(words[token] for token in test[1:])
    targets = torch.from_numpy(test[1:])[None]
    strings = [words[token] for token in few]

    def fit_nltk() -> object:
        grams = [tuple(strings[i : i + n]) for n in range(1, order + 1) for i in range(len(strings) - n + 1)]
        made = nltk.lm.KneserNeyInterpolated(order)
        made.fit([grams], words)
        return made

    toolkit = fit_nltk()
    asked = [words[token] for token in test[1 : order + 12]]

    def score_nltk() -> None:
        for place in range(order, order + 11):
            toolkit.score(asked[place], asked[place - order + 1 : place])

    def generate() -> None:
        prompts = [Prompt("ROMEO:", NEW_TOKENS, (), seed) for seed in range(BATCH)]
        Engine(model, tokenizer, typed(compose(["decoding=temperature"])).decoding, BATCH).complete(prompts)

    threads = torch.get_num_threads()

    def row(what: str, ours: float, peer: str = "", other: float | None = None) -> dict[str, object]:
        figures = {
            "ours_per_second": ours,
            "peer": peer,
            "peer_per_second": other,
            "ratio": ours / other if other else None,
        }
        return {"tokens": unit, "order": order, "what": what, **figures}

    def score() -> None:
        model.token_logprobs(targets)

    def score_kenlm() -> None:
        if theirs is not None:
            theirs.score(sentence, bos=True, eos=False)

    def score_by_one_thread() -> None:
        torch.set_num_threads(1)
        score()
        torch.set_num_threads(threads)

    [fit_all] = in_turns(runs, lambda: fit(train, order, vocab_size, start))
    fit_few, fit_theirs = in_turns(runs, lambda: fit(few, order, vocab_size, start), fit_nltk)
    scored, by_one, by_kenlm = in_turns(runs, score, score_by_one_thread, score_kenlm)
    scored_few, by_nltk = in_turns(runs, lambda: small.token_logprobs(targets), score_nltk)
    [written] = in_turns(runs, generate)
    num_targets = targets.numel()
    kenlm_speed = num_targets / by_kenlm if theirs else None
    return [
        row("fit", len(train) / fit_all),
        row("fit, a hundredth", len(few) / fit_few, "nltk", len(few) / fit_theirs),
        row(f"score, {threads} threads", num_targets / scored, "kenlm", kenlm_speed),
        row("score, 1 thread", num_targets / by_one, "kenlm", kenlm_speed),
        row("score, fitted to a hundredth", num_targets / scored_few, "nltk", 11 / by_nltk),
        row(f"generate, {BATCH} at once", BATCH * NEW_TOKENS / written),
    ]


def in_turns(runs: int, *works: Callable[[], object]) -> list[float]:
    """Median seconds of each, measured alternately after one warm-up."""
    seconds: list[list[float]] = [[] for _ in works]
    for number in range(runs + 1):
        for own, work in zip(seconds, works, strict=True):
            started = time.perf_counter()
            work()
            if number:
                own.append(time.perf_counter() - started)
    return [statistics.median(own) for own in seconds]


def fit(stream: np.ndarray, order: int, vocab_size: int, start: int) -> NGram:
    model = NGramConfig(order=order).build(vocab_size, start)
    model.count(torch.from_numpy(stream))
    model.finish()
    assert isinstance(model, NGram)
    return model


if __name__ == "__main__":
    main()
