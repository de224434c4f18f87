"""Tries every family equally often and chooses each family's settings on validation text.

A trial is a fit, so it is found again by its content; no eval is asked. The trials go round the families, so that an
interrupted search has tried all of them equally often. Trials that diverge, don't fit in memory or can't be fitted
count as trials without a value.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Sequence

from harness.common.durations import time_left
from harness.common.errors import UserError, one_line
from harness.common.files import NO_ROOM
from harness.common.results_folder import ResultsFolder
from harness.runs.plan import RunPlan, plan
from harness.runs.same_split import keep_split
from harness.runs.tuning.searchers import Draw, Searcher, searcher
from harness.runs.tuning.settings import TuneSettings
from harness.runs.tuning.space import Family
from harness.runs.tuning.trials import (
    COMPLETE,
    FAILED,
    REFUSED,
    TUNING_FOLDER,
    Trial,
    Tuned,
    distinct_best,
    keep,
    kept,
)
from harness.training.budget import Budget
from harness.training.fitting import obtain
from harness.training.workshop import Prepared

log = logging.getLogger("bakeoff")


class Tuner:
    """A search over several families; `tuned` holds what was done so far, also when it is interrupted."""

    def __init__(self, settings: TuneSettings, families: Sequence[Family]) -> None:
        self.tuned = [Tuned(family) for family in families]
        self.settings = settings
        self._prepared = Prepared()
        self._first = [family.trial(family.first) for family in families]
        self.experiment_name = self._first[0].experiment_name
        self.folder = ResultsFolder(self._first[0].results_dir).experiment(self.experiment_name) / TUNING_FOLDER
        self._kept = kept(self.folder)
        self._failures = {trial.fit_id: trial for trial in self._kept if trial.status == FAILED}
        self._seconds: list[float] = []

    def run(self) -> None:
        """Make the trials that are missing, then the confirmations."""
        plan(self._first[0], self._prepared)  # what would refuse every trial, as missing data, is told of at once
        seed = self._first[0].seed
        searchers: list[tuple[Tuned, Searcher]] = [
            (tuned, searcher(self.settings, tuned.family.space, tuned.family.name, seed)) for tuned in self.tuned
        ]
        num_all = sum(self.settings.trials if tuned.family.space else 1 for tuned in self.tuned)
        for number in range(1, self.settings.trials + 1):
            for tuned, of_family in searchers:
                draw = of_family.ask()
                if draw is None:
                    continue
                num_done = sum(len(other.trials) for other in self.tuned)
                log.info(
                    "%s: trial %d of %d%s",
                    tuned.family.name,
                    number,
                    self.settings.trials,
                    self._left(num_all - num_done),
                )
                tuned.trials.append(trial := self._trial(tuned.family, number, draw, seed))
                of_family.tell(trial.validation_bits_per_byte)
        self._confirm()

    def _confirm(self) -> None:
        """Fit the best settings of each family with further seeds: the best of many trials is partly the luckiest."""
        first_seed = self._first[0].seed
        jobs = [
            (tuned, trial, seed)
            for tuned in self.tuned
            for trial in distinct_best(tuned.trials, self.settings.confirm_best)
            for seed in range(first_seed + 1, first_seed + 1 + self.settings.confirm_seeds)
        ]
        for num_done, (tuned, trial, seed) in enumerate(jobs):
            left = self._left(len(jobs) - num_done)
            log.info("%s: trial %d again with seed %d%s", tuned.family.name, trial.number, seed, left)
            tuned.confirmations.append(self._trial(tuned.family, trial.number, dict(trial.settings), seed))

    def _left(self, num_left: int) -> str:
        """', about 3 min left', or '' where nothing was fitted yet."""
        return time_left(num_left * sum(self._seconds) / len(self._seconds)) if self._seconds else ""

    def _trial(self, family: Family, number: int, draw: Draw, seed: int) -> Trial:
        try:
            settings = family.trial(draw, seed)
            settings = dataclasses.replace(settings, budget=scaled(settings.budget, self.settings.budget_fraction))
            planned = plan(settings, self._prepared)
        except UserError as error:
            trial = _without_value(family, number, seed, draw, REFUSED, str(error))
        else:
            trial = self._failures.get(planned.fit_id) or self._fitted(family, number, draw, planned)
            trial = dataclasses.replace(trial, number=number)
        if trial.reason is not None:
            log.warning("%s: trial %d has no value: %s", family.name, number, trial.reason)
        if trial not in self._kept:
            keep(self.folder, trial)
            self._kept.append(trial)
        return trial

    def _fitted(self, family: Family, number: int, draw: Draw, planned: RunPlan) -> Trial:
        is_new = not planned.results.fit(planned.fit_id).exists()
        began = time.monotonic()
        try:
            fit = obtain(planned.fit_settings, planned.corpus, planned.workshop)
        except UserError as error:
            return _without_value(family, number, planned.seed, draw, REFUSED, str(error), planned.fit_id)
        except (Exception, SystemExit) as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise
            seconds = time.monotonic() - began
            reason = one_line(error)
            return _without_value(family, number, planned.seed, draw, FAILED, reason, planned.fit_id, seconds)
        keep_split(planned.results, planned.settings.data, planned.corpus)
        if is_new:
            self._seconds.append(time.monotonic() - began)
        bits = fit.curve()["validation_bits_per_byte"].min()
        spent, cost = fit.facts["spent"], fit.facts["cost"]
        has_value = math.isfinite(bits)
        return Trial(
            family=family.name,
            number=number,
            seed=planned.seed,
            settings=draw,
            status=COMPLETE if has_value else FAILED,
            reason=None if has_value else "validation text has no finite probability",
            validation_bits_per_byte=float(bits) if has_value else None,
            tokens=spent["tokens"],
            seconds=spent["seconds"],
            flops=spent["flops"],
            num_params=cost["num_params"],
            fit_id=planned.fit_id,
        )


def _without_value(
    family: Family,
    number: int,
    seed: int,
    draw: Draw,
    status: str,
    reason: str,
    fit_id: str | None = None,
    seconds: float | None = None,
) -> Trial:
    return Trial(family.name, number, seed, draw, status, reason, None, None, seconds, None, None, fit_id)


def scaled(budget: Budget, fraction: float) -> Budget:
    """A share of a budget's tokens, seconds and FLOPs; the size stays."""
    if fraction == 1:
        return budget
    return dataclasses.replace(
        budget,
        tokens=None if budget.tokens is None else max(1, round(budget.tokens * fraction)),
        seconds=None if budget.seconds is None else budget.seconds * fraction,
        flops=None if budget.flops is None else budget.flops * fraction,
    )
