"""The files and folders of a results folder.

    <experiment>/<run_id>/      a run: the files listed below
    <experiment>/report/        the report over an experiment's runs
    fits/<fit_id>/              a fit, shared by all runs that use it
    answers/<fit_id>/           the stored answers of a fit
    scores/<score_id>.parquet   an eval's scored rows
    splits/<data_id>.json       how the settings of a data set split it
    sweeps/<sweep_id>/          the plan of a sweep, and what its workers did
    ratings/<name>/             a bank of ratings
    preferences/<id>/           a preference model, fitted to a bank
    wandb/                      the mirror's files

A folder with run.json is a finished run; a folder with only config.yaml is a run that has begun. Needs only the
standard library.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError

RUN_FILE = "run.json"
CONFIG_FILE = "config.yaml"
SAMPLES_FILE = "samples.parquet"
CURVE_FILE = "curve.parquet"
TEXT_FOLDER = "text"
LOG_FILE = "log.txt"
CLAIM_FILE = ".claim"
"""Of the process that works on a run's or a fit's folder."""

FIT_FILE = "fit.json"
MODEL_FILE = "model.json"
PREFERENCE_FILE = "preference.json"

_FITS, _ANSWERS, _SCORES, _SPLITS, _SWEEPS = "fits", "answers", "scores", "splits", "sweeps"
_WANDB, _REPORT = "wandb", "report"
_RATINGS, _PREFERENCES = "ratings", "preferences"
RESERVED = (
    _FITS, _ANSWERS, _SCORES, _SPLITS, _SWEEPS, _WANDB, _REPORT, _RATINGS, _PREFERENCES, "reference",
)  # fmt: skip
"""Names that no experiment or run may have; 'reference' holds stored comparisons."""


@dataclass(frozen=True)
class ResultsFolder:
    """A results folder; it may not exist yet."""

    path: Path

    @classmethod
    def around(cls, run: Path) -> ResultsFolder:
        """The results folder that holds a run's folder."""
        return cls(run.resolve().parent.parent)

    def experiment(self, name: str) -> Path:
        """The folder of an experiment's runs."""
        return self.path / name

    def run(self, experiment: str, run_id: str) -> Path:
        """A run's folder."""
        return self.experiment(experiment) / run_id

    def fit(self, fit_id: str) -> Path:
        """A fit's folder."""
        return self.path / _FITS / fit_id

    def answers(self, fit_id: str) -> Path:
        """The folder of a fit's stored answers."""
        return self.path / _ANSWERS / fit_id

    def answers_under(self, fit_id: str, name: str) -> Path:
        """The file of a fit's answers under a decoding strategy, by its id; 'likelihoods': those of all strategies."""
        return self.answers(fit_id) / f"{name}.txt"

    def scores(self, score_id: str) -> Path:
        """The file of an eval's scored rows."""
        return self.path / _SCORES / f"{score_id}.parquet"

    def split(self, data_id: str) -> Path:
        """The file that says how the settings of a data set split it."""
        return self.path / _SPLITS / f"{data_id}.json"

    @property
    def sweeps(self) -> Path:
        """The folder of all sweeps."""
        return self.path / _SWEEPS

    @property
    def wandb(self) -> Path:
        """The folder of the mirror's files."""
        return self.path / _WANDB

    @property
    def ratings(self) -> Path:
        """The folder of all banks of ratings."""
        return self.path / _RATINGS

    def bank(self, name: str) -> Path:
        """The folder of a bank of ratings. UserError where it can't have the name."""
        return bank_in(self.ratings, name)

    @property
    def preferences(self) -> Path:
        """The folder of all preference models."""
        return self.path / _PREFERENCES

    def preference(self, preference_id: str) -> Path:
        """The folder of a preference model."""
        return self.preferences / preference_id

    def check(self, fit_id: str) -> None:
        """UserError where something else has the name of one of the folders that a run of this fit needs."""
        folders = [self.path / name for name in (_FITS, _ANSWERS, _SCORES, _SPLITS)]
        for folder in (*folders, self.fit(fit_id), self.answers(fit_id)):
            if os.path.lexists(folder) and not folder.is_dir():
                raise UserError(
                    f"{folder.absolute()} must be a folder, but is {'a link' if folder.is_symlink() else 'a file'}. "
                    "Move it away, or name another results folder; then run the same command again."
                )

    def runs(self) -> list[Path]:
        """Every run's folder, finished or not, by experiment and id."""
        return [run for experiment in folders_in(self.path) for run in runs_in(experiment)]


def bank_in(ratings: Path, name: str) -> Path:
    """The folder of a bank among all of them. UserError where it can't have the name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(
            f"{name!r} can't name a bank of ratings. Use letters, digits, '.', '_' and '-', beginning with a letter "
            "or a digit, at most 100."
        )
    return ratings / name


def report_of(folder: Path) -> Path:
    """The report's folder for a results folder, an experiment's folder or a run's folder."""
    return folder / _REPORT


def folders_in(folder: Path) -> list[Path]:
    """The folders of a results folder that may be experiments, or of an experiment that may be runs."""
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and path.name not in RESERVED and path.name[0] != "."
    )


def runs_in(experiment: Path) -> list[Path]:
    """The folders of an experiment's runs, finished or not."""
    return [folder for folder in folders_in(experiment) if is_run(folder)]


def runs_below(folder: Path) -> list[Path]:
    """The runs' folders, finished or not, of a results folder, of an experiment's folder, or of a run itself."""
    if is_run(folder):
        return [folder]
    return runs_in(folder) or ResultsFolder(folder).runs()


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's, finished or not."""
    return is_finished(folder) or (folder / CONFIG_FILE).is_file()


def is_finished(run: Path) -> bool:
    """Whether a run's folder holds its record."""
    return (run / RUN_FILE).is_file()
