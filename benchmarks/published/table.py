"""Published tables made again: a row for each published value, with ours, the difference and the protocol.

    python -m benchmarks.published.table [--data FOLDER] [--counted] [--out FOLDER]

--data holds names/train.txt, val.txt and test.txt (github.com/EurekaLabsAI/ngram, data/), tinyshakespeare.txt
(github.com/karpathy/char-rnn, data/tinyshakespeare/input.txt) and kenlm/*.json. Writes published.csv and published.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import torch

from benchmarks.published import names, shakespeare, sums
from benchmarks.published.row import Row

TRAINED: tuple[Callable[[Path], list[Row]], ...] = (
    names.makemore_transformer,
    shakespeare.minimal,
    sums.orders,
    names.eureka_mlp,
    shakespeare.nanogpt,
)
"""What trains models, the slowest first."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder with the texts")
    parser.add_argument(
        "--counted", action="store_true", help="only the rows of models that count, in about 10 seconds"
    )
    parser.add_argument("--out", type=Path, help="write the table into this folder")
    options = parser.parse_args()
    rows: list[dict[str, str]] = []
    began = time.monotonic()
    for row in table(options.data, only_counted=options.counted):
        rows.append(row.cells())
        shown = ("what", "theirs", "ours", "within")
        print(f"{time.monotonic() - began:5.0f} s  " + " | ".join(rows[-1][column] for column in shown), flush=True)
        if options.out:  # after every row, so that a run that is stopped leaves what it has
            write(pd.DataFrame(rows), options.out)


def write(made: pd.DataFrame, folder: Path) -> None:
    """The table as published.csv and published.md."""
    folder.mkdir(parents=True, exist_ok=True)
    made.to_csv(folder / "published.csv", index=False)
    markdown = made.to_markdown(index=False, disable_numparse=True)
    (folder / "published.md").write_text(markdown + "\n", encoding="utf-8")


def table(data: Path, only_counted: bool) -> Iterator[Row]:
    """All rows, the quick ones first. Trained models share the processor: one thread each, as many at once as cores."""
    yield from names.counted_rows(data / "names")
    yield from shakespeare.counted_rows(data)
    if not only_counted:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(initializer=torch.set_num_threads, initargs=(1,), mp_context=context) as pool:
            for rows in pool.map(_rows_of, TRAINED, [data] * len(TRAINED)):
                yield from rows


def _rows_of(made: Callable[[Path], list[Row]], data: Path) -> list[Row]:
    return made(data)


if __name__ == "__main__":
    main()
