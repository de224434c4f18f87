"""What the evals of a run find, and what goes wrong in them: scored rows, metrics, failures, and the files they go to.

An eval that fails costs the others nothing. Needs no torch: answers may be scored where no model can be run.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harness.common.files import write_bytes
from harness.common.results_folder import SAMPLES_FILE, TEXT_FOLDER
from harness.common.sealed import Damaged, read_sealed, write_sealed
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Metric
from harness.evaluation.questions import Questions, noted, questions, scored
from harness.evaluation.requests import Answer
from harness.evaluation.rows import table
from harness.evaluation.validity import check_metrics
from harness.runs.plan import EvalPlan
from harness.runs.record import Failure
from harness.text.visible import visible

log = logging.getLogger("bakeoff")

_TEXTS_AN_EVAL = 20

_SEAL = ".json"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass
class Findings:
    """What the evals found, and what went wrong in them."""

    metrics: list[Metric] = field(default_factory=list)
    tables: list[pd.DataFrame] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def before(cls, plan: EvalPlan) -> Findings:
        """Empty findings; evals that can't be imported are noted."""
        findings = cls()
        for name, error in plan.broken_evals.items():
            findings._note(f"eval {name}", error)
        return findings

    def ask(
        self, plan: EvalPlan, rows_of: Callable[[Eval], pd.DataFrame], but: type[Exception] | tuple[()] = ()
    ) -> None:
        """Take in every eval of a plan, one after another. rows_of: an eval's scored rows; `but`, which it may raise,
        is not survived."""
        for eval in plan.evals.values():
            with self.surviving(f"eval {eval.name}", but):
                self.add(eval, rows_of(eval))

    @contextmanager
    def surviving(self, where: str, but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
        """What fails in this block is noted, and costs what comes after it nothing.

        A full disk is everybody's trouble and is raised; so is `but`.
        """
        try:
            yield
        except (Exception, SystemExit) as error:
            if isinstance(error, but) or (isinstance(error, OSError) and error.errno in _DISK):
                raise
            self._note(where, error)

    def _note(self, where: str, error: BaseException) -> None:
        failure = Failure.of(where, error)
        log.error("%s", "\n".join(filter(None, [f"{where} failed: {failure.error}", failure.traceback])))
        self.failures.append(failure)

    def add(self, eval: Eval, rows: pd.DataFrame) -> None:
        """Take in an eval's scored rows, and sum them up."""
        with noted(f"in metrics of {eval.name}"):
            metrics = list(eval.metrics(rows)) if len(rows) else [_nothing_measured(eval)]
            check_metrics(eval, metrics)
        self.metrics += metrics
        self.tables.append(rows)

    @property
    def status(self) -> str:
        """'complete', or 'partial' where something failed."""
        return "partial" if self.failures else "complete"

    @property
    def error(self) -> str | None:
        """What failed, in one line."""
        return "; ".join(f"{one.where}: {one.error}" for one in self.failures) or None

    def seen_in_training(self) -> int | None:
        """Test problems that occur in the training text; None where no eval looked."""
        seen = [rows.attrs["seen_in_training"] for rows in self.tables]
        return sum(number for number in seen if number is not None) if any(n is not None for n in seen) else None

    def write(self, folder: Path, run_id: str) -> None:
        """samples.parquet, and the first few answers of each eval to read."""
        samples = pd.concat(self.tables, ignore_index=True) if self.tables else table("", [], [])
        samples.insert(0, "run_id", run_id)
        write_bytes(folder / SAMPLES_FILE, samples.to_parquet())
        for rows in self.tables:
            _write_texts(rows, folder / TEXT_FOLDER)


def score_rows(
    plan: EvalPlan, eval: Eval, material: Material, answer: Callable[[Questions], Iterable[Sequence[Answer]]]
) -> pd.DataFrame:
    """The scored rows of an eval, made and kept for all runs that share them. answer: each sample's answers."""
    asked = questions(eval, material, plan.seed)
    rows = scored(eval, asked, answer(asked), material)
    path = plan.scores_path(eval)
    write_bytes(path, rows.to_parquet())
    write_sealed(path.with_suffix(_SEAL), {"fit": plan.fit_digest}, (path.name,))
    return rows


def kept_rows(plan: EvalPlan, eval: Eval) -> pd.DataFrame | None:
    """The scored rows of an eval that were kept; None where there are none, or they are damaged or another fit's."""
    path = plan.scores_path(eval)
    try:
        about = read_sealed(path.with_suffix(_SEAL), f"the scores of {eval.name}")
    except FileNotFoundError:
        return None
    except Damaged as error:
        log.warning("%s. %s are made anew", error.damage, error.part_of)
        return None
    return pd.read_parquet(path) if about.get("fit") == plan.fit_digest else None


def _nothing_measured(eval: Eval) -> Metric:
    return Metric(
        eval.name, eval.version, "samples", "all", None, "samples", None, n=0, n_total=0, reason=eval.why_no_samples
    )


def _write_texts(rows: pd.DataFrame, folder: Path) -> None:
    """Model text may hold anything: what could move a terminal is spelled out."""
    spoken = rows[rows["answer"] != ""].head(_TEXTS_AN_EVAL)
    if spoken.empty:
        return
    parts = [
        f"--- {row.sample_id} ({row.finish_reason}) ---\n{visible(str(row.prompt))}\n>>> the model goes "
        f"on:\n{visible(str(row.answer))}\n"
        for row in spoken.itertuples()
    ]
    write_bytes(folder / f"{spoken['eval'].iloc[0]}.txt", "\n".join(parts).encode())
