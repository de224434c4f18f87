"""What is kept of every trial, and the files that hold it. Needs no torch.

<results_dir>/<experiment>/tuning/
  trials.jsonl              a line for each trial that was ever made there, as it ended
  trials.csv, .parquet      the trials of the last command, a row each
  FAMILY.yaml               the best settings of a family, as an experiment of one's own
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.common.files import append_bytes, make_folder, write_bytes
from harness.common.lazy import LazyModule
from harness.runs.tuning.space import Family

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LazyModule("pandas")

TUNING_FOLDER = "tuning"
TRIALS_FILE = "trials.jsonl"
COMPLETE, FAILED, REFUSED, KILLED = "complete", "failed", "refused", "killed"


@dataclass(frozen=True)
class Trial:
    """One fit of a search."""

    family: str
    number: int
    """Its place among the family's trials, from 1; a confirmation has that of the trial whose settings it repeats."""
    seed: int
    settings: Mapping[str, str]
    """What was drawn: the keys of the space with their values, as in overrides."""
    status: str
    """'complete'; 'failed' where the fit diverged, ran out of memory or had another error, or validation text has no
    finite probability; 'refused' where the settings can't be fitted here; 'killed' where its process ended without a
    word."""
    reason: str | None
    """Why it has no value."""
    validation_bits_per_byte: float | None
    """Of the weights that the fit keeps; None unless complete."""
    tokens: int | None
    seconds: float | None
    """Seconds of training; of a failed trial, all of its seconds."""
    flops: float | None
    num_params: int | None
    fit_id: str | None
    """None where it was refused before it had one."""


def keep(folder: Path, trial: Trial) -> None:
    """Add a trial to the lines of a tuning folder."""
    line = json.dumps(dataclasses.asdict(trial), ensure_ascii=True, allow_nan=False)
    append_bytes(folder / TRIALS_FILE, f"{line}\n".encode())


def kept(folder: Path) -> list[Trial]:
    """The trials in the lines of a tuning folder. A line that a killed process left incomplete is no trial."""
    path = folder / TRIALS_FILE
    if not path.exists():
        return []
    trials = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            trials.append(Trial(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return trials


def write_tables(folder: Path, trials: Sequence[Trial]) -> None:
    """Write the trials as trials.csv and trials.parquet, with a column for each key that was searched."""
    make_folder(folder)
    rows = []
    for trial in trials:
        row = dataclasses.asdict(trial)
        settings = row.pop("settings")
        rows.append({**row, **settings})
    table = pd.DataFrame(rows)
    write_bytes(folder / "trials.csv", table.to_csv(index=False).encode())
    write_bytes(folder / "trials.parquet", table.to_parquet(index=False))


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial of one family with the lowest value, the first of several; None where none has a value."""
    with_value = [trial for trial in trials if trial.validation_bits_per_byte is not None]
    return min(with_value, key=_value, default=None)


def _value(trial: Trial) -> float:
    assert trial.validation_bits_per_byte is not None
    return trial.validation_bits_per_byte


def distinct_best(trials: Sequence[Trial], most: int) -> list[Trial]:
    """The best trials of one family with a value, the best first; of several with the same fit, the first."""
    of_fits: dict[str | None, Trial] = {}
    for trial in trials:
        of_fits.setdefault(trial.fit_id, trial)
    ordered: list[Trial] = []
    left = list(of_fits.values())
    while len(ordered) < most and (best := best_of(left)) is not None:
        ordered.append(best)
        left.remove(best)
    return ordered


@dataclass
class Tuned:
    """The trials of one family."""

    family: Family
    trials: list[Trial] = field(default_factory=list)
    confirmations: list[Trial] = field(default_factory=list)
    """Fits of the best settings with other seeds."""

    @property
    def best(self) -> Trial | None:
        """The chosen trial: of those that were confirmed the one with the lowest mean over the other seeds, else the
        one with the lowest value. None where none has a value."""
        means = {trial.number: confirmed_mean(self.confirmations, trial.number) for trial in self.trials}
        confirmed = {number: mean for number, mean in means.items() if mean is not None}
        if not confirmed:
            return best_of(self.trials)
        chosen = min(confirmed, key=lambda number: confirmed[number])
        return next(trial for trial in self.trials if trial.number == chosen)


def confirmed_mean(confirmations: Sequence[Trial], number: int) -> float | None:
    """The mean validation bits per byte of a trial's settings over other seeds; None where it wasn't confirmed, or one
    of the seeds has no value."""
    values = [trial.validation_bits_per_byte for trial in confirmations if trial.number == number]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
