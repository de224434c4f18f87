"""Tries settings of one family on the end of the training text; the validation text is never read.

    python -m benchmarks.tiny_shakespeare.choose FAMILY [model.OPTION=VALUE ...] [training.OPTION=VALUE ...]
        [--tokens 1000000] [--seed 0] [--data FOLDER] [--out FILE]

Without options the settings of settings.yaml are tried. The budget is in tokens, so that a busy machine changes nothing
but the seconds. Adds a line to --out, a CSV file.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import torch
import yaml

from benchmarks.tiny_shakespeare.protocol import FAMILIES, Settings, Text, fitted, losses
from harness.training.budget import Budget


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("options", nargs="*", help="model.OPTION=VALUE or training.OPTION=VALUE")
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder with the text")
    parser.add_argument("--out", type=Path, default=Path("results/reference/tiny_shakespeare/trials.csv"))
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    text = Text.read(arguments.data).for_choosing()
    settings = Settings.read(arguments.family)
    for option in arguments.options:
        name, value = option.split("=", 1)
        part, key = name.split(".", 1)
        getattr(settings, part)[key] = yaml.safe_load(value)
    began = time.process_time()
    made = fitted(settings, text, Budget(tokens=arguments.tokens), arguments.seed)
    seconds = time.process_time() - began
    row = {
        "family": arguments.family,
        "options": " ".join(arguments.options),
        "seed": arguments.seed,
        "tokens": made.spent.tokens,
        "params": made.model.cost().num_params,
        "train_loss_nats": round(made.curve[-1]["train_loss_nats"], 4),
        "held_out_loss_nats": round(float(losses(made.model, text).mean()), 4),
        "processor_seconds": round(seconds, 1),
        "tokens_per_processor_second": round(made.spent.tokens / seconds),
    }
    print(row, flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    is_new = not arguments.out.exists()
    with arguments.out.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
