"""The tables: one row a system and decoding strategy over its seeds; a long frame of everything; the pairs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.common.files import write_bytes
from harness.common.numerals import quantity
from harness.report.cautions import cautions
from harness.report.changes import changes
from harness.report.comparison import ANY_DECODING, Comparison, MeasureKey
from harness.report.crossings import power_laws
from harness.report.result_lines import ResultLine, result_lines
from harness.report.stages import stages
from harness.report.untrusted import latex_cell, markdown_cell, spreadsheet_cell
from harness.report.verdicts import Verdicts
from harness.report.wording import estimate_text, heading, joined, words
from harness.runs.record import SCHEMA_VERSION

_COSTS: dict[str, Callable[[ResultLine], float | None]] = {
    "num_params": lambda line: line.num_params,
    "model_bytes": lambda line: line.model_bytes,
    "flops_per_token": lambda line: line.flops_per_token,
    "train_tokens": lambda line: line.tokens,
    "train_seconds": lambda line: line.seconds,
    "train_flops": lambda line: line.flops,
}


def summary(comparison: Comparison) -> pd.DataFrame:
    """One row a system x decoding strategy. A measure has the columns NAME, NAME_ci_low, NAME_ci_high, NAME_sd_seeds
    (the standard deviation over seeds), NAME_stderr_samples (the standard error over test samples), NAME_n and
    NAME_n_total.

    Costs are means over seeds. A measure's NAME is the metric's, or eval.metric where two evals use the same.
    """
    rows = []
    names = column_names(comparison)
    for line in result_lines(comparison):
        row: dict[str, Any] = {
            "experiment": ", ".join(line.experiments),
            "family": line.family,
            "model": line.system,
            "decoding": line.decoding,
            "num_seeds": line.num_seeds,
            "num_runs": len(line.runs),
            "num_failed": line.num_failed,
        }
        row |= {name: of(line) for name, of in _COSTS.items()}
        for measure in comparison.measures:
            cell, name = comparison.cell(line.system, line.decoding, measure), names[measure]
            estimate = cell.estimate if cell else None
            row[name] = estimate.value if estimate else None
            row[f"{name}_ci_low"] = estimate.ci_low if estimate else None
            row[f"{name}_ci_high"] = estimate.ci_high if estimate else None
            row[f"{name}_sd_seeds"] = estimate.sd_seeds if estimate else None
            row[f"{name}_stderr_samples"] = estimate.stderr_samples if estimate else None
            row[f"{name}_n"] = estimate.n if estimate else 0
            row[f"{name}_n_total"] = estimate.n_total if estimate else 0
        rows.append(row)
    frame = pd.DataFrame(rows)
    measured = [
        f"{name}{part}"
        for name in names.values()
        for part in ("", "_ci_low", "_ci_high", "_sd_seeds", "_stderr_samples")
    ]
    return frame.astype(dict.fromkeys([*measured, *_COSTS], "float64"))  # also where every value is missing


def readable(comparison: Comparison) -> pd.DataFrame:
    """The summary for reading: few columns, all text, 'value [low, high]'."""
    names = column_names(comparison)
    several = len({run.record.experiment for run in comparison.results.runs}) > 1
    rows = []
    for line in result_lines(comparison):
        row = {"experiment": ", ".join(line.experiments)} if several else {}
        row |= {
            "model": line.system,
            "decoding": line.decoding,
            "seeds": line.seeds_text,
            "parameters": quantity(line.num_params),
            "training seconds": quantity(line.seconds),
        }
        for measure in comparison.headlines:
            cell = comparison.cell(line.system, line.decoding, measure)
            row[heading(names[measure], measure.unit)] = estimate_text(cell)
        rows.append(row)
    return pd.DataFrame(rows)


def column_names(comparison: Comparison) -> dict[MeasureKey, str]:
    """The metric's name, or eval.metric where several evals have a metric of that name."""
    uses = Counter(measure.metric for measure in comparison.measures)
    return {m: m.metric if uses[m.metric] == 1 else m.name for m in comparison.measures}


def write_tables(comparison: Comparison, verdicts: Verdicts, folder: Path) -> list[Path]:
    """Write summary.{csv,parquet,md,tex}, runs.{csv,parquet}, pairwise.csv, strategies.csv, ranks.csv,
    crossings.csv, power_laws.csv, measures.csv, trivial.csv, stages.csv, changes.csv and
    made_with.json."""
    wide, table = summary(comparison), readable(comparison)
    files = {
        "summary.csv": csv_bytes(wide),
        "summary.parquet": parquet_bytes(wide),
        "summary.md": markdown_table(table, _notes(comparison)).encode(),
        "summary.tex": latex_table(table, _notes(comparison)).encode(),
        "runs.csv": csv_bytes(comparison.results.frame),
        "runs.parquet": parquet_bytes(comparison.results.frame),
        "pairwise.csv": csv_bytes(verdicts.models),
        "strategies.csv": csv_bytes(verdicts.strategies),
        "ranks.csv": csv_bytes(verdicts.ranks),
        "crossings.csv": csv_bytes(verdicts.crossings),
        "power_laws.csv": csv_bytes(power_laws(comparison)),
        "measures.csv": csv_bytes(verdicts.measures),
        "trivial.csv": csv_bytes(verdicts.trivial),
        "stages.csv": csv_bytes(stages(comparison)),
        "changes.csv": csv_bytes(changes(comparison)),
        "made_with.json": (json.dumps(made_with(comparison.results.frame), indent=1) + "\n").encode(),
    }
    for name, content in files.items():
        write_bytes(folder / name, content)
    return [folder / name for name in files]


def made_with(frame: pd.DataFrame) -> dict[str, object]:
    """By which tables that are kept are known to be older than the code: the records' schema, and each eval's versions.

    frame: one row a metric, as `Results.frame`.
    """
    evals = frame.dropna(subset=["eval_version"]).groupby("eval")["eval_version"]
    versions = {str(name): sorted({int(version) for version in versions}) for name, versions in evals}
    return {"schema_version": SCHEMA_VERSION, "evals": versions}


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV, ten digits; text that a spreadsheet would run as a formula is made text."""
    safe = frame.copy()
    for name in safe.columns:
        if safe[name].map(lambda value: isinstance(value, str)).any():
            safe[name] = safe[name].map(lambda value: spreadsheet_cell(value) if isinstance(value, str) else value)
    return safe.to_csv(index=False, float_format="%.10g", lineterminator="\n").encode()


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as it is."""
    return frame.to_parquet(index=False)


def markdown_table(table: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    """A GitHub table, its cells escaped, with notes below."""
    lines = [_markdown_row(table.columns), "|" + " --- |" * len(table.columns)]
    lines += [_markdown_row(row) for row in table.itertuples(index=False)]
    return "\n".join(lines) + "\n" + "".join(f"\n{markdown_cell(note)}\n" for note in notes)


def _markdown_row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(markdown_cell(str(cell)) for cell in cells) + " |"


def latex_table(table: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    """A tabular for the booktabs package, its cells escaped; notes as comments above."""
    lines = [f"% {latex_cell(note)}" for note in notes]
    lines += ["% \\usepackage{booktabs}", f"\\begin{{tabular}}{{{'l' * len(table.columns)}}}", "\\toprule"]
    lines += [_latex_row(table.columns), "\\midrule"]
    lines += [_latex_row(row) for row in table.itertuples(index=False)]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def _latex_row(cells: Iterable[object]) -> str:
    return " & ".join(latex_cell(str(cell)) for cell in cells) + r" \\"


def _notes(comparison: Comparison) -> list[str]:
    notes = ["Value [95 % interval]; the worst model first. Intervals " + intervals_cover(comparison) + "."]
    notes += [f"Samples with a value, {words(m.metric)}: {_counts_text(comparison, m)}." for m in comparison.headlines]
    return [*notes, *cautions(comparison)]


def _counts_text(comparison: Comparison, measure: MeasureKey) -> str:
    """'128 of 128'; where rows differ, the most frequent count and then the other rows, with their reasons."""
    rows: dict[str, list[str]] = {}
    for decoding in comparison.decodings_of(measure):
        for system in comparison.systems:
            if cell := comparison.cell(system, decoding, measure):
                counts = f"{cell.estimate.n:,} of {cell.estimate.n_total:,}"
                name = system if decoding == ANY_DECODING else f"{system} under {decoding}"
                reason = f" ({cell.estimate.reason})" if cell.estimate.value is None and cell.estimate.reason else ""
                rows.setdefault(counts, []).append(name + reason)
    usual = max(rows, key=lambda counts: len(rows[counts]), default="none")
    others = [f"{counts} of {joined(names)}" for counts, names in rows.items() if counts != usual]
    return "; ".join([usual, *others])


def intervals_cover(comparison: Comparison) -> str:
    """What the intervals speak of, to follow 'Intervals ...'."""
    varying = [system for system in comparison.systems if comparison.depends_on_seed(system)]
    if not varying:
        return "cover the choice of test samples; no fit here depends on its seed"
    counts = sorted({comparison.num_seeds(system) for system in varying} - {0})
    if not counts or counts == [1]:
        return "cover the choice of test samples only, not training: there is one seed a model"
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    alone = " (test samples only where there is one seed)" if counts[0] == 1 else ""
    return f"cover training seeds ({span} a model) and test samples{alone}"
