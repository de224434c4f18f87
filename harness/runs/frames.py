"""The finished runs of a results folder as tidy data frames, for notebooks: settings and measures are columns.

Each function takes a results folder, an experiment's folder or a run's folder. UserError where it holds no finished
run. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from harness.common.dotted import flat
from harness.common.errors import UserError
from harness.common.results_folder import CURVE_FILE, SAMPLES_FILE, is_finished, runs_below
from harness.evaluation.rows import parsed
from harness.runs.record import RunRecord

_SETTINGS = ("model", "tokenizer", "data", "training", "post", "budget", "decoding", "evals")


def runs_frame(results: str | Path = "results") -> pd.DataFrame:
    """One row for each run. Columns: ids, status and seed; each setting under its dotted name, as
    'training.batch_tokens'; what the fit spent and costs, as 'spent.seconds'; each measure over all samples, as
    'perplexity.bits_per_byte', and the ends of its interval ('perplexity.bits_per_byte.ci_low').
    """
    rows = []
    for _, record in _finished(results):
        rows.append({**_about(record), **_settings(record), **_measures(record)})
    return pd.DataFrame(rows)


def metrics_frame(results: str | Path = "results") -> pd.DataFrame:
    """One row for each run, measure and slice: value, unit, n, interval and reason."""
    rows = [{**_about(record), **vars(metric)} for _, record in _finished(results) for metric in record.metrics]
    return pd.DataFrame(rows)


def samples_frame(results: str | Path = "results") -> pd.DataFrame:
    """One row for each run and sample. Columns: prompt and answer; each measure, as 'arithmetic.exact_match'; each
    slice, as 'slice.digits'."""
    frames = []
    for folder, record in _finished(results):
        if not (folder / SAMPLES_FILE).is_file():
            continue
        rows = pd.read_parquet(folder / SAMPLES_FILE)
        plain = rows.drop(columns=["values", "slices", "parts", "run_id"], errors="ignore")
        measures = [
            {f"{name}.{measure}": value for measure, value in parsed(values).items()}
            for name, values in zip(rows["eval"], rows["values"], strict=True)
        ]
        slices = [{f"slice.{name}": value for name, value in parsed(text).items()} for text in rows["slices"]]
        parts = [plain, pd.DataFrame(measures, index=rows.index), pd.DataFrame(slices, index=rows.index)]
        frames.append(_with_run(record, pd.concat(parts, axis=1)))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def curves_frame(results: str | Path = "results") -> pd.DataFrame:
    """One row for each run and logged step of its fit: step, tokens, flops, seconds, losses, validation, learning
    rate."""
    frames = [
        _with_run(record, pd.read_parquet(folder / CURVE_FILE))
        for folder, record in _finished(results)
        if (folder / CURVE_FILE).is_file()
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _finished(results: str | Path) -> Iterator[tuple[Path, RunRecord]]:
    folder = Path(results)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder.resolve()}. Name the results folder that holds your runs.")
    finished = [run for run in runs_below(folder) if is_finished(run)]
    if not finished:
        raise UserError(
            f"{folder.resolve()} holds no finished run. Name a results folder, an experiment's folder or a run's."
        )
    for run in finished:
        yield run, RunRecord.read_noting_damage(run)


def _about(record: RunRecord) -> dict[str, Any]:
    names = ("run_id", "experiment", "status", "family", "fit_id", "seed", "finished_at", "device")
    return {name: getattr(record, name) for name in names}


def _settings(record: RunRecord) -> dict[str, Any]:
    configured = flat({part: getattr(record, part) for part in _SETTINGS})
    classes = {key: value for key, value in configured.items() if not key.endswith("_target_")}
    return {**classes, **flat({"spent": record.spent, "cost": record.cost})}


def _measures(record: RunRecord) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for metric in record.metrics:
        if metric.slice == "all":
            name = f"{metric.eval}.{metric.metric}"
            values |= {name: metric.value, f"{name}.ci_low": metric.ci_low, f"{name}.ci_high": metric.ci_high}
    return values


def _with_run(record: RunRecord, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, with columns in front that name their run."""
    about: dict[str, Any] = {"run_id": record.run_id, "family": record.family, "seed": record.seed}
    return rows.assign(**about)[[*about, *(name for name in rows.columns if name not in about)]]
