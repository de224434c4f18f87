"""The results of a run's evals: scored rows, metrics and failures, and the files that they are written to.

An eval that fails doesn't stop the others. Needs no torch: answers can be scored where no model can run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness.common.errors import NothingToLearn
from harness.common.files import NO_ROOM, write_bytes
from harness.common.plurals import many
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
from harness.statistics.arrays import EVERY_VALUE_MISSING
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.paired_difference import can_be_significant

log = logging.getLogger("bakeoff")

_TEXTS_AN_EVAL = 20

_SEAL = ".json"


@dataclass
class Findings:
    """The results of a run's evals, and their failures."""

    metrics: list[Metric] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    glossary: dict[str, dict[str, str]] = field(default_factory=dict)
    """By eval, what its metrics are."""
    notes: list[str] = field(default_factory=list)
    """What a user should know although nothing failed."""

    @classmethod
    def before(cls, plan: EvalPlan) -> Findings:
        """Findings before any eval is asked. They note a plan without evals."""
        findings = cls()
        if not plan.evals:
            findings.notes.append("evals=[] asks no eval: the run has a fit, but no metrics")
        return findings

    def ask(
        self,
        plan: EvalPlan,
        scored_of: Callable[[Eval], Scored],
        reraise: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        """Add the results of every eval of a plan. scored_of: makes an eval's scored rows. reraise: exceptions that are
        raised instead of noted."""
        for eval in plan.evals.values():
            with self.surviving(f"eval {eval.name}", reraise):
                self.add(eval, scored_of(eval))

    @contextmanager
    def surviving(self, where: str, reraise: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
        """An exception in this block is noted as a failure, and the run goes on.

        A disk that is full or can't be written to is raised, because nothing after it could work; so is `reraise`, but
        that there is nothing to learn is a finding.
        """
        try:
            yield
        except (Exception, SystemExit) as error:
            is_finding = isinstance(error, NothingToLearn)
            if (isinstance(error, reraise) and not is_finding) or (
                isinstance(error, OSError) and error.errno in NO_ROOM
            ):
                raise
            self._note(where, error)

    def _note(self, where: str, error: BaseException) -> None:
        failure = Failure.of(where, error)
        log.error("%s", "\n".join(filter(None, [f"{where} failed: {failure.error}", failure.traceback])))
        self.failures.append(failure)

    def add(self, eval: Eval, scored: Scored) -> None:
        """Add an eval's scored rows, and its metrics over them."""
        rows = scored.rows
        with noted(eval.metrics, f"in metrics of {eval.name}"):
            metrics = list(eval.metrics(rows)) if len(rows) else [_nothing_measured(eval)]
            check_metrics(eval, metrics, rows)
        if rows.empty:
            self.notes.append(f"the eval {eval.name} measured nothing because it has no samples: {eval.why_no_samples}")
        elif metrics and all(metric.value is None for metric in metrics if metric.baseline is None):
            reason = next(metric.reason for metric in metrics if metric.value is None)
            none = "its one sample gave no" if len(rows) == 1 else f"none of its {len(rows):,} samples gave a"
            why = f": {reason}" if reason != EVERY_VALUE_MISSING else ""
            self.notes.append(f"the eval {eval.name} measured nothing because {none} value{why}")
        elif metrics and not can_be_significant(num_groups := rows["cluster"].nunique()):
            self.notes.append(
                f"the samples of {eval.name} are in only {many(num_groups, 'independent group')}, such as documents or "
                f"conversations: with fewer than {FEWEST_CLUSTERS} there is no interval, and no difference between "
                "runs can be significant"
            )
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
        return "; ".join(f"{failure.where}: {failure.error}" for failure in self.failures) or None

    def all_notes(self, plan: EvalPlan, fit_facts: Mapping[str, Any]) -> list[str]:
        """Notes on the data and on the fit, then notes on the evals."""
        on_data = [f"the data set {plan.corpus.name}: {remark}" for remark in plan.corpus.remarks]
        return [*on_data, *fit_facts.get("notes", ()), *self.notes]

    def seen_in_training(self) -> int | None:
        """The number of test problems that occur in the training text; None where no eval counted them."""
        seen = [scored.seen_in_training for scored in self.scored if scored.seen_in_training is not None]
        return sum(seen) if seen else None

    def write(self, folder: Path, run_id: str) -> None:
        """Write samples.parquet, and the first few answers of each eval as text files."""
        tables = [scored.rows for scored in self.scored]
        samples = pd.concat(tables, ignore_index=True) if tables else table("", [], [])
        samples.insert(0, "run_id", run_id)
        write_bytes(folder / SAMPLES_FILE, samples.to_parquet())
        for rows in tables:
            _write_texts(rows, folder / TEXT_FOLDER)


def score_and_keep(
    plan: EvalPlan, eval: Eval, material: Material, answer: Callable[[Questions], Iterable[Sequence[Answer]]]
) -> Scored:
    """Score an eval's samples, and store the rows for all runs that share them. answer: gives each sample's answers."""
    eval_questions = questions(eval, material, plan.seed)
    result = scored(eval, eval_questions, answer(eval_questions), material)
    path = plan.scores_path(eval)
    result.write(path)
    write_sealed(path.with_suffix(_SEAL), {"fit": plan.fit_digest}, (path.name,))
    return result


def kept_scores(plan: EvalPlan, eval: Eval) -> Scored | None:
    """An eval's stored rows; None where there are none, or they are damaged or belong to another fit."""
    path = plan.scores_path(eval)
    try:
        about = read_sealed(path.with_suffix(_SEAL), f"the scores of {eval.name}")
    except FileNotFoundError:
        return None
    except Damaged as error:
        log.warning("%s. %s are computed again", error.damage, error.part_of)
        return None
    return Scored.read(path) if about.get("fit") == plan.fit_digest else None


def _nothing_measured(eval: Eval) -> Metric:
    return Metric(
        eval.name, eval.version, "samples", "all", None, "samples", None, n=0, n_total=0, reason=eval.why_no_samples
    )


def _write_texts(rows: pd.DataFrame, folder: Path) -> None:
    """Write the first answers as text. Characters that could control a terminal are spelled out."""
    answered = rows[rows["answer"] != ""].head(_TEXTS_AN_EVAL)
    if answered.empty:
        return
    parts = [
        f"--- {row.sample_id} ({row.finish_reason}) ---\n{visible(str(row.prompt))}\n>>> the model goes "
        f"on:\n{visible(str(row.answer))}\n"
        for row in answered.itertuples()
    ]
    write_bytes(folder / f"{answered['eval'].iloc[0]}.txt", "\n".join(parts).encode())
