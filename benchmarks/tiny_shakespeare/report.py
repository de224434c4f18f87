"""The summary of the table: mean loss over seeds with its interval, the difference to the 7-gram, and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.report.plots.style import drawn, looks, new_figure, plotting
from harness.statistics import Estimate, over_seeds, paired

NGRAM, NANOGPT = "ngram", "nanogpt"
_SMOOTHED_ROWS = 5


def write_summary(folder: Path, runs: pd.DataFrame, blocks: pd.DataFrame, curves: pd.DataFrame) -> None:
    """summary.csv, summary.md and loss_by_seconds.*; runs, blocks, curves: as table.py writes them."""
    summary = summarised(runs, blocks)
    summary.to_csv(folder / "summary.csv", index=False, float_format="%.6g")
    (folder / "summary.md").write_text(_markdown(summary) + "\n", encoding="utf-8")
    if not curves.empty:
        _draw(folder, runs, curves)


def summarised(runs: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """A row a family, the lowest loss first. Intervals cover seeds and the choice of text, blocks being drawn."""
    rows: list[dict[str, Any]] = []
    ngram = _by_seed(blocks, NGRAM)
    for family, of_family in runs.groupby("family", sort=False):
        nats, characters = _by_seed(blocks, str(family))
        loss = over_seeds(nats, np.arange(nats.shape[1]), characters, seeds_vary=family != NGRAM)
        row = {
            "family": family,
            "seeds": len(of_family),
            "params": of_family["params"].max() if "params" in of_family else np.nan,
            "million_characters": of_family["tokens"].mean() / 1e6,
            "seconds": of_family["seconds"].mean(),
            "loss_nats": loss.value,
            "ci_low": loss.ci_low,
            "ci_high": loss.ci_high,
            "lowest_seed": of_family["loss_nats"].min(),
            "highest_seed": of_family["loss_nats"].max(),
        }
        if family not in (NGRAM, NANOGPT):
            pair = paired(nats, ngram[0], np.arange(nats.shape[1]), characters[0], seeds_vary=(True, False))
            row |= _named("minus_ngram", pair.difference)
        rows.append(row)
    return pd.DataFrame(rows).sort_values("loss_nats", ignore_index=True)


def _by_seed(blocks: pd.DataFrame, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Nats and characters of each block: (seeds, blocks) each."""
    of_family = blocks[blocks["family"] == family]
    tables = (of_family.pivot_table(index="seed", columns="block", values=name) for name in ("nats", "characters"))
    nats, characters = (table.to_numpy(dtype=np.float64) for table in tables)
    return nats, characters


def _named(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.ci_low, f"{name}_high": estimate.ci_high}


def _markdown(summary: pd.DataFrame) -> str:
    """The summary as people read it."""

    def interval(value: float, low: float, high: float) -> str:
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"

    shown = [
        {
            "family": row.family,
            "nats a character": interval(row.loss_nats, row.ci_low, row.ci_high),
            "seeds": f"{row.seeds}: {row.lowest_seed:.3f} to {row.highest_seed:.3f}" if row.seeds > 1 else "1",
            "less the 7-gram's": ""
            if pd.isna(getattr(row, "minus_ngram", np.nan))
            else interval(row.minus_ngram, row.minus_ngram_low, row.minus_ngram_high),
            "parameters": "" if pd.isna(row.params) else f"{row.params:,.0f}",
            "characters read": f"{row.million_characters:.2f} M",
            "seconds": f"{row.seconds:.0f}",
        }
        for row in summary.itertuples()
    ]
    return str(pd.DataFrame(shown).to_markdown(index=False, disable_numparse=True))


def _draw(folder: Path, runs: pd.DataFrame, curves: pd.DataFrame) -> None:
    """Training loss of each family along the seconds, and at the end the loss on validation text."""
    families = sorted(curves["family"].unique())
    look = looks(families)
    with plotting():
        figure = new_figure(3.6)
        axes = figure.subplots()
        for family in families:
            of_family = curves[curves["family"] == family]
            rows = of_family[of_family["seed"] == of_family["seed"].min()]
            smoothed = rows["train_loss_nats"].rolling(_SMOOTHED_ROWS, min_periods=1).mean()
            axes.plot(rows["seconds"], smoothed, color=look[family].colour, lw=1)
            ends = runs[runs["family"] == family]
            axes.plot(ends["seconds"], ends["loss_nats"], look[family].marker, color=look[family].colour, label=family)
        [ngram] = runs.loc[runs["family"] == NGRAM, "loss_nats"]
        axes.axhline(ngram, ls="--", lw=1, label="7-gram")
        axes.set(xlabel="seconds of training", ylabel="nats a character", ylim=(1.2, 2.4))
        axes.legend(ncols=2)
        caption = "Lines: training loss, one seed. Points: the whole validation text, every seed."
        plot = drawn(figure, "loss_by_seconds", "learning", "Loss by seconds of training", caption, caption)
    for ending in ("svg", "png"):
        (folder / f"{plot.name}.{ending}").write_bytes(getattr(plot, ending))
