"""How time and memory of an n-gram fit grow with its text.

    python benchmarks/ngram/growth.py [--order N] [--gigabytes G] [--limit-gigabytes L] [--out FILE]

Fits to a sixteenth, a quarter and all of the built-in plays and conversations, as characters; and to a long text made
from them (repeated, with 1 in 100 characters changed at random), under a memory limit that the system enforces. Each
fit runs in a separate process, after a small fit that compiles; memory is counted beyond what the small fit needed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from harness.common.environment import peak_memory_bytes, start_measuring_memory
from harness.text.data.conversations import Chat
from harness.text.data.shakespeare import Shakespeare
from models.ngram import NGram, NGramConfig

STRETCH = 1 << 18
CHANGED_SHARE = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="length of the long text; 0: skip it")
    parser.add_argument("--limit-gigabytes", type=float, default=4.0, help="memory limit of its fit")
    parser.add_argument("--out", type=Path, help="write the table here, as CSV")
    parser.add_argument("--fit", nargs=3, metavar=("FILE", "TOKENS", "VOCABULARY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print(json.dumps(fit(Path(options.fit[0]), int(options.fit[1]), int(options.fit[2]), options.order)))
        return
    with tempfile.TemporaryDirectory() as folder:
        text, vocab_size = real_text()
        path = Path(folder) / "tokens.npy"
        np.save(path, text)
        sizes = [len(text) // 16, len(text) // 4, len(text)]
        rows = [{"text": "real", **measure(path, size, vocab_size, options.order)} for size in sizes]
        if options.gigabytes:
            made = write_long_text(text, vocab_size, int(options.gigabytes * 1e9), Path(folder) / "long.npy")
            row = measure(made, int(options.gigabytes * 1e9), vocab_size, options.order, options.limit_gigabytes)
            rows.append({"text": "made", **row})
    table = pd.DataFrame(rows)
    print(table.to_markdown(index=False, floatfmt=".3f"))
    if options.out:
        table.to_csv(options.out, index=False)


def real_text() -> tuple[np.ndarray, int]:
    """The built-in plays and conversations as character ids, and the size of their vocabulary, start token included."""
    texts = [document.text for source in (Shakespeare(), Chat()) for _, document in source.load()]
    points = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    characters, ids = np.unique(points, return_inverse=True)
    return ids.astype(np.uint16), len(characters) + 1


def write_long_text(text: np.ndarray, vocab_size: int, num_tokens: int, path: Path) -> Path:
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, "w+", np.uint16, (num_tokens,))
    for begin in range(0, num_tokens, len(text)):
        part = text[: num_tokens - begin].copy()
        changed = rng.random(len(part)) < CHANGED_SHARE
        part[changed] = rng.integers(0, vocab_size - 1, int(changed.sum()))
        out[begin : begin + len(part)] = part
    out.flush()
    return path


def measure(path: Path, num_tokens: int, vocab_size: int, order: int, limit_gigabytes: float | None = None) -> dict:
    """One fit in a separate process."""

    def limit() -> None:
        if limit_gigabytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (int(limit_gigabytes * 1e9),) * 2)

    command = [sys.executable, __file__, "--order", str(order), "--fit", str(path), str(num_tokens), str(vocab_size)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def fit(path: Path, num_tokens: int, vocab_size: int, order: int) -> dict:
    stream = np.load(path, mmap_mode="r")[:num_tokens]
    count(stream[:10_000], vocab_size, order).finish()
    start_measuring_memory()
    before = peak_memory_bytes()
    started = time.perf_counter()
    model = count(stream, vocab_size, order)
    counted = time.perf_counter()
    model.finish()
    finished = time.perf_counter()
    peak = peak_memory_bytes()
    return {
        "order": order,
        "tokens": num_tokens,
        "counting_seconds": counted - started,
        "smoothing_seconds": finished - counted,
        "tokens_per_second": num_tokens / (finished - started),
        "nanoseconds_per_token": (finished - started) / num_tokens * 1e9,
        "peak_memory_bytes": peak,
        "memory_bytes_per_token": (peak - before) / num_tokens,
        "num_params": model.cost().num_params,
    }


def count(stream: np.ndarray, vocab_size: int, order: int) -> NGram:
    model = NGramConfig(order=order).build(vocab_size, start_token=vocab_size - 1)
    model.count(torch.tensor([vocab_size - 1]))
    for begin in range(0, len(stream), STRETCH):
        model.count(torch.from_numpy(stream[begin : begin + STRETCH].astype(np.int64)))
    return model


if __name__ == "__main__":
    main()
