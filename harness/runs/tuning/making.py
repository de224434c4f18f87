"""Makes one trial: a fit with the settings that were drawn, or the reason why it has no value."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass

from harness.common.errors import UserError, one_line
from harness.common.files import NO_ROOM
from harness.runs.plan import RunPlan, plan
from harness.runs.same_split import keep_split
from harness.runs.tuning.searchers import Draw
from harness.runs.tuning.space import Family
from harness.runs.tuning.trials import COMPLETE, FAILED, REFUSED, Trial
from harness.training.budget import Budget
from harness.training.fitting import obtain
from harness.training.workshop import Prepared


@dataclass(frozen=True)
class Asked:
    """A trial that a search asks for."""

    family: Family
    number: int
    draw: Draw
    seed: int

    def plan(self, budget_fraction: float, prepared: Prepared) -> RunPlan:
        """The run whose fit it is. UserError where its settings can't be fitted here."""
        settings = self.family.trial(self.draw, self.seed)
        return plan(dataclasses.replace(settings, budget=scaled(settings.budget, budget_fraction)), prepared)

    def made(self, planned: RunPlan) -> Trial:
        """The trial, with the fit that is there, or a new one."""
        began = time.monotonic()
        try:
            fit = obtain(planned.fit_settings, planned.corpus, planned.workshop)
        except UserError as error:
            return self.without_value(REFUSED, str(error), planned.fit_id)
        except (Exception, SystemExit) as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise
            return self.without_value(FAILED, one_line(error), planned.fit_id, time.monotonic() - began)
        keep_split(planned.results, planned.settings.data, planned.corpus)
        bits = fit.curve()["validation_bits_per_byte"].min()
        spent, cost = fit.facts["spent"], fit.facts["cost"]
        has_value = math.isfinite(bits)
        return Trial(
            family=self.family.name,
            number=self.number,
            seed=self.seed,
            settings=self.draw,
            status=COMPLETE if has_value else FAILED,
            reason=None if has_value else "validation text has no finite probability",
            validation_bits_per_byte=float(bits) if has_value else None,
            tokens=spent["tokens"],
            seconds=spent["seconds"],
            flops=spent["flops"],
            num_params=cost["num_params"],
            fit_id=planned.fit_id,
        )

    def without_value(self, status: str, reason: str, fit_id: str | None = None, seconds: float | None = None) -> Trial:
        """The trial where nothing came of it."""
        return Trial(
            family=self.family.name,
            number=self.number,
            seed=self.seed,
            settings=self.draw,
            status=status,
            reason=reason,
            validation_bits_per_byte=None,
            tokens=None,
            seconds=seconds,
            flops=None,
            num_params=None,
            fit_id=fit_id,
        )


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
