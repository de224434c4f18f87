"""Every neural family for as long as nanoGPT's recipe for a processor takes, on the same machine in the same run.

    python -m benchmarks.tiny_shakespeare.table --data DATA --out results/reference/tiny_shakespeare
        [--seeds 0 1 2] [--families lstm ssm ...] [--seconds S] [--at-once N] [--resume]

First the 7-gram and nanoGPT's recipe (nanogpt.py), whose seconds are the budget; then every family and seed, all
families with one seed before the next seed. Settings: settings.yaml. DATA holds tinyshakespeare.txt. Files, written
after every fit: runs.csv (a row a fit), blocks.csv (its losses by block of the validation text), curves.csv,
summary.csv, summary.md, and a plot. --seconds sets another budget, without nanoGPT's recipe; --resume keeps the fits
that are in the folder, and their budget. --at-once 2 makes two fits at a time, each with half of the cores (nanoGPT's
recipe has all): the table takes half as long, and each family gets less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.published.fitting import counted
from benchmarks.tiny_shakespeare import nanogpt
from benchmarks.tiny_shakespeare.fit import FACTS_FILE, LOSSES_FILE
from benchmarks.tiny_shakespeare.protocol import FAMILIES, Text, losses
from benchmarks.tiny_shakespeare.report import NANOGPT, NGRAM, write_summary
from models.settings.ngram import NGramConfig

NUM_BLOCKS = 50
"""Blocks of the validation text, of about 2,230 characters: what an interval takes as drawn by chance."""


class Table:
    """The rows that are made so far, in a folder."""

    def __init__(self, folder: Path, text: Text) -> None:
        self.folder, self.text = folder, text
        self.rows: dict[str, list[dict[str, Any]]] = {"runs": [], "blocks": [], "curves": []}

    def read(self) -> None:
        """Go on with what the folder holds."""
        for name in self.rows:
            self.rows[name] = pd.read_csv(self.folder / f"{name}.csv").to_dict("records")

    def has(self, family: str, seed: int) -> bool:
        return any((row["family"], row["seed"]) == (family, seed) for row in self.rows["runs"])

    def seconds_of(self, family: str) -> float:
        """What the fit of a family took."""
        [seconds] = [row["seconds"] for row in self.rows["runs"] if row["family"] == family]
        return float(seconds)

    def add(self, family: str, seed: int, nats: np.ndarray, **facts: Any) -> None:
        """nats: of each character of the validation text, NaN where it isn't scored. Writes all files."""
        loss = float(np.nanmean(nats))
        self.rows["runs"].append({"family": family, "seed": seed, "loss_nats": loss, **facts})
        for block, part in enumerate(np.array_split(nats, NUM_BLOCKS)):
            of_block = {"nats": np.nansum(part), "characters": int(np.isfinite(part).sum())}
            self.rows["blocks"].append({"family": family, "seed": seed, "block": block, **of_block})
        print(f"{family} seed {seed}: {loss:.4f} nats a character, {facts['seconds']:.1f} s", flush=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        frames = {name: pd.DataFrame(rows) for name, rows in self.rows.items()}
        for name, frame in frames.items():
            frame.to_csv(self.folder / f"{name}.csv", index=False, float_format="%.6g")
        write_summary(self.folder, frames["runs"], frames["blocks"], frames["curves"])

    def add_family(self, family: str, seed: int, facts: dict[str, Any], nats: np.ndarray) -> None:
        """What fit.py wrote."""
        curve = facts.pop("curve")
        self.rows["curves"] += [{"family": family, "seed": seed, **row} for row in curve]
        self.add(family, seed, nats, **facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder with the text")
    parser.add_argument("--out", type=Path, default=Path("results/reference/tiny_shakespeare"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--seconds", type=float, help="the budget; otherwise what nanoGPT's recipe takes")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="fits at a time, which share the cores")
    parser.add_argument("--resume", action="store_true", help="keep the fits that are in the folder")
    options = parser.parse_args()
    table = Table(options.out, Text.read(options.data))
    if options.resume:
        table.read()
    if not table.has(NGRAM, 0):
        add_ngram(table)
    if options.seconds is None and not table.has(NANOGPT, 0):
        add_nanogpt(table)
    seconds = options.seconds or table.seconds_of(NANOGPT)
    num_threads = max(1, torch.get_num_threads() // options.at_once)
    missing = [(family, seed) for seed in options.seeds for family in options.families if not table.has(family, seed)]
    with ThreadPoolExecutor(options.at_once) as pool:
        fits = {
            pool.submit(fit_apart, options.data, family, seed, seconds, num_threads): (family, seed)
            for family, seed in missing
        }
        for done in as_completed(fits):
            table.add_family(*fits[done], *done.result())


def add_ngram(table: Table) -> None:
    """Modified Kneser-Ney of order 7."""
    text, began = table.text, time.perf_counter()
    model = counted(NGramConfig(), text.tokenizer.vocab_size, text.tokenizer.start_token, [text.train])
    seconds = time.perf_counter() - began
    table.add(NGRAM, 0, losses(model, text), seconds=seconds, tokens=len(text.train))


def add_nanogpt(table: Table) -> None:
    """nanoGPT's recipe, whose wall clock is the budget."""
    text = table.text
    model, seconds = nanogpt.trained(text.train, text.scored, text.tokenizer.vocab_size, seed=0)
    tokens = nanogpt.NUM_STEPS * nanogpt.NUM_ROWS * nanogpt.WINDOW
    num_params = sum(parameter.numel() for parameter in model.parameters())
    nats = np.append(np.nan, nanogpt.losses(model, text.scored))
    table.add(NANOGPT, 0, nats, seconds=seconds, tokens=tokens, params=num_params, threads=torch.get_num_threads())


def fit_apart(
    data: Path, family: str, seed: int, seconds: float, num_threads: int
) -> tuple[dict[str, Any], np.ndarray]:
    """A family fitted for so long by a process of its own: what it cost with its curve, and the losses."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(data), folder, family, str(seed), str(seconds)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(num_threads))
        command = [sys.executable, "-m", "benchmarks.tiny_shakespeare.fit", *words]
        subprocess.run(command, env={**os.environ, **threads}, check=True)
        facts = json.loads((Path(folder) / FACTS_FILE).read_text(encoding="utf-8"))
        return facts, np.load(Path(folder) / LOSSES_FILE, allow_pickle=False)


if __name__ == "__main__":
    main()
