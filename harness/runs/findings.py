"""What the evals of a run find, and what goes wrong in them: scored rows, metrics, failures, and the files they go to.

An eval that fails costs the others nothing. Needs no torch: answers may be scored where no model can be run.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness.common.files import write_bytes
from harness.common.results_folder import SAMPLES_FILE, TEXT_FOLDER
from harness.common.sealed import Damaged, read_sealed, write_sealed
from harness.common.visible import visible
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Metric
from harness.evaluation.questions import Questions, noted, questions, scored
from harness.evaluation.requests import Answer
from harness.evaluation.rows import table
from harness.evaluation.scored import Scored
from harness.evaluation.validity import check_metrics
from harness.runs.plan import EvalPlan
from harness.runs.record import Failure

log = logging.getLogger("bakeoff")

_TEXTS_AN_EVAL = 20

_SEAL = ".json"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass
class Findings:
    """What the evals found, and what went wrong in them."""

    metrics: list[Metric] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    glossary: dict[str, dict[str, str]] = field(default_factory=dict)
    """By eval, what its metrics are."""
    notes: list[str] = field(default_factory=list)
    """What a user should know though nothing failed."""

    @classmethod
    def before(cls, plan: EvalPlan) -> Findings:
        """Empty findings; evals that can't be imported are noted, and where there are no evals at all."""
        findings = cls()
        if not (plan.evals or plan.broken_evals):
            findings.notes.append("no eval was asked (evals=[]): the run has a fit, and no metrics")
        for name, error in plan.broken_evals.items():
            findings._note(f"eval {name}", error)
        return findings

    def ask(self, plan: EvalPlan, scored_of: Callable[[Eval], Scored], but: type[Exception] | tuple[()] = ()) -> None:
        """Take in every eval of a plan, one after another. scored_of: what an eval finds; `but`, which it may raise,
        is not survived."""
        for eval in plan.evals.values():
            with self.surviving(f"eval {eval.name}", but):
                self.add(eval, scored_of(eval))

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

    def add(self, eval: Eval, scored: Scored) -> None:
        """Take in what an eval found of its samples, and sum it up."""
        rows = scored.rows
        with noted(f"in metrics of {eval.name}"):
            metrics = list(eval.metrics(rows)) if len(rows) else [_nothing_measured(eval)]
            check_metrics(eval, metrics, rows)
        if rows.empty:
            self.notes.append(f"{eval.name} measured nothing, as it has no samples: {eval.why_no_samples}")
        named = {metric.metric for metric in metrics}
        self.glossary[eval.name] = {name: text for name, text in eval.descriptions.items() if name in named}
        self.metrics += metrics
        self.scored.append(scored)

    @property
    def status(self) -> str:
        """'complete', or 'partial' where something failed."""
        return "partial" if self.failures else "complete"

    @property
    def error(self) -> str | None:
        """What failed, in one line."""
        return "; ".join(f"{one.where}: {one.error}" for one in self.failures) or None

    def all_notes(self, plan: EvalPlan, fit_facts: Mapping[str, Any]) -> list[str]:
        """Those on the data and on the fit, then those on the evals."""
        on_data = [f"data={plan.corpus.name}: {remark}" for remark in plan.corpus.remarks]
        return [*on_data, *fit_facts.get("notes", ()), *self.notes]

    def seen_in_training(self) -> int | None:
        """Test problems that occur in the training text; None where no eval looked."""
        seen = [scored.seen_in_training for scored in self.scored if scored.seen_in_training is not None]
        return sum(seen) if seen else None

    def write(self, folder: Path, run_id: str) -> None:
        """samples.parquet, and the first few answers of each eval to read."""
        tables = [scored.rows for scored in self.scored]
        samples = pd.concat(tables, ignore_index=True) if tables else table("", [], [])
        samples.insert(0, "run_id", run_id)
        write_bytes(folder / SAMPLES_FILE, samples.to_parquet())
        for rows in tables:
            _write_texts(rows, folder / TEXT_FOLDER)


def score_and_keep(
    plan: EvalPlan, eval: Eval, material: Material, answer: Callable[[Questions], Iterable[Sequence[Answer]]]
) -> Scored:
    """What an eval finds of its samples, kept for all runs that share it. answer: each sample's answers."""
    asked = questions(eval, material, plan.seed)
    found = scored(eval, asked, answer(asked), material)
    path = plan.scores_path(eval)
    found.write(path)
    write_sealed(path.with_suffix(_SEAL), {"fit": plan.fit_digest}, (path.name,))
    return found


def kept_scores(plan: EvalPlan, eval: Eval) -> Scored | None:
    """What an eval found, as it was kept; None where nothing is kept, or it is damaged or another fit's."""
    path = plan.scores_path(eval)
    try:
        about = read_sealed(path.with_suffix(_SEAL), f"the scores of {eval.name}")
    except FileNotFoundError:
        return None
    except Damaged as error:
        log.warning("%s. %s are made again", error.damage, error.part_of)
        return None
    return Scored.read(path) if about.get("fit") == plan.fit_digest else None


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
