"""What the records say when they are put together: estimates over seeds, the order of the systems, every pair compared.

A *system* is everything but seed and decoding (results.py); a *cell* is one measure of one system under one decoding
strategy, over its seeds. No family, eval or strategy is named here: what a measure means is read from its own record.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.metric import LADDER_METRIC, Baseline, Formula, Metric, headlines
from harness.report.asked import Asked, differing
from harness.report.results import Results, Run
from harness.report.samples import SampleTable
from harness.statistics.derived import mean_of_seeds
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import over_seeds

Floats = NDArray[np.float64]
ANY_DECODING = "any"


@dataclass(frozen=True)
class MeasureKey:
    """What is measured: the fields that all its records share."""

    eval: str
    metric: str
    unit: str
    higher_is_better: bool | None
    uses_decoding: bool
    """Whether the decoding strategy can change it."""
    baseline: Baseline | None
    """Where no model made it: what it stands beside."""
    nearest_to: str | None
    """The metric of the same eval whose value is the best one to have; None: see `higher_is_better`."""

    @classmethod
    def of(cls, metric: Metric) -> MeasureKey:
        """What a record's metric is one of."""
        about = (metric.unit, metric.higher_is_better, metric.uses_decoding, metric.baseline, metric.nearest_to)
        return cls(metric.eval, metric.metric, *about)

    @property
    def name(self) -> str:
        return f"{self.eval}.{self.metric}"

    @property
    def is_judged(self) -> bool:
        """Whether one value is better than another."""
        return self.higher_is_better is not None or self.nearest_to is not None


@dataclass(frozen=True)
class Cell:
    """One measure of one system under one decoding strategy."""

    measure: MeasureKey
    estimate: Estimate
    seeds: tuple[int, ...]
    """Those that have a value."""
    per_seed: tuple[float, ...]
    chance: float | None
    target: float | None
    """The best value to have, where the measure is better the nearer it is to one."""

    @property
    def goodness(self) -> float | None:
        """The value, or its negative, or the negative of its distance from the target: more is better. None where there
        is nothing to judge, or nothing to judge it by."""
        value = self.estimate.value
        if value is None or (self.measure.higher_is_better is None and self.target is None):
            return None
        if self.target is not None:
            return -abs(value - self.target)
        return -value if self.measure.higher_is_better is False else value


@dataclass(frozen=True)
class LinedUp:
    """One measure of one system, sample by sample: each seed's is scale * sum(tops) / sum(bottoms)."""

    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    strata: tuple[str, ...]
    """The source of each sample."""
    tops: Floats
    """(S, N): a row a seed; NaN where missing."""
    bottoms: Floats
    """(S, N); 1 where each sample counts once."""
    formula: Formula
    seeds_vary: bool
    """Whether another seed would give another fit."""

    @property
    def is_mean(self) -> bool:
        """Whether each sample counts once."""
        return self.formula.per is None

    @property
    def denominators(self) -> Floats | None:
        """(N,) what every seed divides by, NaN where none knows; None where they divide by different numbers."""
        most, least = np.fmax.reduce(self.bottoms), np.fmin.reduce(self.bottoms)
        return most if np.array_equal(most, least, equal_nan=True) else None

    def distance_from(self, target: LinedUp) -> LinedUp | None:
        """The measure's distance from another one of the same samples, sample by sample: seen from the side of it on
        which the whole lies, so that the samples' distances add up to the whole's. None where the samples are not the
        same."""
        alike = (
            self.ids == target.ids and self.formula.scale == target.formula.scale and len(self.tops) == len(target.tops)
        )
        if not alike or not np.array_equal(self.bottoms, target.bottoms, equal_nan=True):
            return None
        apart = self.tops - target.tops
        return replace(self, tops=apart if np.nansum(apart) >= 0 else -apart)

    def over_seeds(self) -> Estimate:
        """The mean over seeds, with an interval over seeds, clusters and samples."""
        denominators = None if self.is_mean else list(self.bottoms)
        scale = self.formula.scale
        return over_seeds(list(self.tops), self.clusters, denominators, scale, self.strata, self.seeds_vary)


class Comparison:
    """Everything that tables, plots and findings are made of, computed once."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self._metrics = self._by_seed()
        self._cells: dict[tuple[str, str, str, str, str], Cell | None] = {}
        self._asked: dict[tuple[str, str, str], Asked | None] = {}

    def _by_seed(self) -> dict[tuple[str, str, str, str, str], dict[int, tuple[Run, Metric]]]:
        """(system, decoding, eval, metric, slice) -> seed -> the record.

        Several runs of one fit and one decoding strategy hold the same numbers, so any of them will do.
        """
        found: dict[tuple[str, str, str, str, str], dict[int, tuple[Run, Metric]]] = {}
        for run in sorted(self.results.runs, key=lambda run: (run.record.finished_at, run.record.run_id)):
            for metric in run.record.metrics:
                key = (metric.eval, metric.metric, metric.slice)
                for decoding in (run.decoding, ANY_DECODING):
                    found.setdefault((run.system, decoding, *key), {})[run.record.seed] = (run, metric)
        return found

    @cached_property
    def measures(self) -> tuple[MeasureKey, ...]:
        """All measures on the slice 'all', in the records' order, evals by name."""
        found: dict[tuple[str, str], MeasureKey] = {}
        for run in self.results.runs:
            for m in run.record.metrics:
                if m.slice == "all":
                    found.setdefault((m.eval, m.metric), MeasureKey.of(m))
        order = {name: place for place, name in enumerate(sorted({m.eval for m in found.values()}))}
        ladder = next((m.eval for m in found.values() if m.metric == LADDER_METRIC), None)
        return tuple(sorted(found.values(), key=lambda m: (m.eval != ladder, order[m.eval])))  # stable within an eval

    @cached_property
    def headlines(self) -> tuple[MeasureKey, ...]:
        """One measure of each eval (see harness.evaluation.metric.headlines)."""
        metrics = [metric for run in self.results.runs for metric in run.record.metrics]
        asked = {(metric.eval, metric.metric) for metric in metrics if metric.slice == "all" and metric.n_total}
        return tuple(headlines(m for m in self.measures if m.is_judged or (m.eval, m.metric) in asked))

    @property
    def judged_headlines(self) -> tuple[MeasureKey, ...]:
        """Those of which one value is better than another."""
        return tuple(measure for measure in self.headlines if measure.is_judged)

    @property
    def ladder(self) -> MeasureKey | None:
        """Bits per byte, where some run has measured them."""
        return next((m for m in self.headlines if m.metric == LADDER_METRIC), None)

    @cached_property
    def systems(self) -> tuple[str, ...]:
        """By bits per byte (else by the first headline), the worst first; unmeasured ones last."""
        by = self.ladder or next(iter(self.judged_headlines), None)
        quality: dict[str, float] = {}
        for system in sorted({run.system for run in self.results.runs}):
            cell = self.cell(system, ANY_DECODING, by) if by else None
            goodness = None if cell is None else cell.goodness
            quality[system] = math.inf if goodness is None else goodness
        return tuple(sorted(quality, key=lambda system: (quality[system], system)))

    @cached_property
    def decodings(self) -> tuple[str, ...]:
        return tuple(sorted({run.decoding for run in self.results.runs}))

    def num_seeds(self, system: str) -> int:
        """How many seeds of a system have a fit."""
        runs = self.results.runs
        return len({run.record.seed for run in runs if run.system == system and run.record.status != "failed"})

    def depends_on_seed(self, system: str) -> bool:
        """Whether another seed would give another fit."""
        return any(not run.record.deterministic for run in self.results.runs if run.system == system)

    @cached_property
    def answered(self) -> frozenset[str]:
        """Evals whose samples hold what a model said."""
        found: set[str] = set()
        for run in self.results.runs:
            rows = run.samples
            found |= set(rows.loc[rows["answer"].fillna("").astype(str) != "", "eval"].astype(str))
        return frozenset(found)

    def description(self, measure: MeasureKey) -> str:
        """What the measure is, in a sentence, as a run's record says; '' where none does."""
        texts = (run.record.glossary.get(measure.eval, {}).get(measure.metric) for run in self.results.runs)
        return next(filter(None, texts), "")

    def decodings_of(self, *measures: MeasureKey) -> tuple[str, ...]:
        """Those under which some of the measures are worth telling apart."""
        return self.decodings if any(measure.uses_decoding for measure in measures) else (ANY_DECODING,)

    def cell(self, system: str, decoding: str, measure: MeasureKey, part: str = "all") -> Cell | None:
        """The measure over seeds; None where no run has it."""
        key = (system, decoding, measure.eval, measure.metric, part)
        if key not in self._cells:
            records = self._metrics.get(key)
            self._cells[key] = None if not records else self._over_seeds(system, decoding, measure, part)
        return self._cells[key]

    def goodness(self, measure: MeasureKey, decoding: str) -> dict[str, float]:
        """How good each system is, as far as it can be judged, in the order of systems (see `Cell.goodness`)."""
        cells = {system: self.cell(system, decoding, measure) for system in self.systems}
        return {
            system: goodness
            for system, cell in cells.items()
            if cell is not None and (goodness := cell.goodness) is not None
        }

    def best_decoding(self, measure: MeasureKey) -> str:
        """The decoding strategy under which the best value of all stands; of several the one that is best on average,
        then the first by name. Wherever a measure is shown under one strategy, it is this one."""

        def best_and_mean(decoding: str) -> tuple[float, float]:
            judged = list(self.goodness(measure, decoding).values())
            return (max(judged), float(np.mean(judged))) if judged else (-math.inf, -math.inf)

        return max(self.decodings_of(measure), key=best_and_mean)

    def only_best_decoding(self, measure: MeasureKey) -> str | None:
        """The decoding strategy that can be called the best: no other one has a value as good, and its best value has
        an interval. None where there is none."""
        decoding = self.best_decoding(measure)
        tops = [max(judged.values()) for d in self.decodings_of(measure) if (judged := self.goodness(measure, d))]
        goodness = self.goodness(measure, decoding)
        if len(tops) < 2 or tops.count(max(tops)) > 1:
            return None
        cell = self.cell(max(goodness, key=lambda system: goodness[system]), decoding, measure)
        return decoding if cell is not None and cell.estimate.ci_low is not None else None

    def target_of(self, measure: MeasureKey) -> MeasureKey | None:
        """The measure whose value is the best one to have."""
        wanted = (measure.eval, measure.nearest_to)
        return next((other for other in self.measures if (other.eval, other.metric) == wanted), None)

    def asked(self, system: str, decoding: str, measure: MeasureKey) -> Asked | None:
        """What a system was asked to give its value; None where it has none."""
        key = (system, decoding, measure.name)
        if key not in self._asked:
            records = list(self.records(system, decoding, measure).values())
            self._asked[key] = Asked.of(records, self._samples_of(records)) if records else None
        return self._asked[key]

    def _samples_of(self, records: Sequence[tuple[Run, Metric]]) -> frozenset[str] | int:
        """The ids of the samples of all seeds; their number where a seed's are unknown."""
        tables = [self.tables_of(run).get(metric.eval) for run, metric in records]
        known = [table.asked_for(records[0][1].metric) for table in tables if table is not None]
        if len(known) < len(records):
            return records[0][1].n_total
        return frozenset(sample_id for table in known for sample_id in table.ids)

    def not_alike(self, measure: MeasureKey, decoding: str) -> list[str]:
        """In what the systems that have a value differ, so that no one of them is the best (asked.py)."""
        asked = [self.asked(system, decoding, measure) for system in self.systems]
        return differing([one for one in asked if one is not None])

    def slices(self, measure: MeasureKey) -> dict[str, list[str]]:
        """The measure's slices: name -> values, numbers in their order."""
        found: dict[str, set[str]] = {}
        for _, _, eval_name, metric, part in self._metrics:
            if (eval_name, metric) == (measure.eval, measure.metric) and "=" in part:
                name, _, value = part.partition("=")
                found.setdefault(name, set()).add(value)
        return {name: sorted(found[name], key=_by_number) for name in sorted(found)}

    def fits(self) -> Iterable[Run]:
        """One run a fit, for what decoding does not touch: the curve and the costs."""
        seen: set[str] = set()
        for run in self.results.runs:
            if run.record.fit_id not in seen and run.record.status != "failed":
                seen.add(run.record.fit_id)
                yield run

    def records(
        self, system: str, decoding: str, measure: MeasureKey, part: str = "all"
    ) -> dict[int, tuple[Run, Metric]]:
        """seed -> (run, its record of the measure), seeds in order, those without a value left out."""
        found = self._metrics.get((system, decoding, measure.eval, measure.metric, part), {})
        return {seed: pair for seed, pair in sorted(found.items()) if pair[1].value is not None}

    def lined_up(self, system: str, decoding: str, measure: MeasureKey, part: str = "all") -> LinedUp | None:
        """The summands of the measure; None where it has none, or a seed's samples are missing, are not
        the same, or lack what is summed up."""
        known = self.records(system, decoding, measure, part)
        formulas = {metric.formula for _, metric in known.values()}
        formula = formulas.pop() if len(formulas) == 1 else None
        if formula is None:
            return None
        tables: list[SampleTable] = []
        for run, _ in known.values():
            whole = self.tables_of(run).get(measure.eval)
            table = whole.part(part) if whole else None
            table = table.asked_for(formula.sum_of) if table else None
            if table is None or set(table.ids) != set(tables[0].ids if tables else table.ids):
                return None
            tables.append(table.take(tables[0].ids if tables else tuple(sorted(table.ids))))
        tops, bottoms = zip(*(table.summands(formula) for table in tables), strict=True)
        if any(np.isnan(column).all() for column in tops + bottoms):
            return None
        vary = any(not run.record.deterministic for run, _ in known.values())
        first = tables[0]
        return LinedUp(first.ids, first.clusters, first.strata, np.stack(tops), np.stack(bottoms), formula, vary)

    def num_clusters(self, system: str, decoding: str, measure: MeasureKey) -> int | None:
        """How many independent groups the measure's samples are in, of several seeds the fewest; None where there are
        no samples."""
        tables = [self.tables_of(run).get(measure.eval) for run, _ in self.records(system, decoding, measure).values()]
        counts = [len(set(table.asked_for(measure.metric).clusters)) for table in tables if table is not None]
        return min(counts, default=None)

    def judged(self, system: str, decoding: str, measure: MeasureKey) -> LinedUp | None:
        """What systems are compared by, sample by sample: the measure, or its distance from the value that is best."""
        lined_up = self.lined_up(system, decoding, measure)
        if measure.nearest_to is None or lined_up is None:
            return lined_up
        target = self.target_of(measure)
        of_target = None if target is None else self.lined_up(system, decoding, target)
        return None if of_target is None else lined_up.distance_from(of_target)

    def tables_of(self, run: Run) -> dict[str, SampleTable]:
        """The run's samples by eval."""
        return run.tables.by_eval

    def _over_seeds(self, system: str, decoding: str, measure: MeasureKey, part: str) -> Cell:
        asked = self._metrics[system, decoding, measure.eval, measure.metric, part].values()
        known = {seed: metric for seed, (_, metric) in self.records(system, decoding, measure, part).items()}
        n_total = sum(metric.n_total for _, metric in asked)
        chances = {metric.chance for _, metric in asked} - {None}
        if not known:
            reasons = sorted({metric.reason or "no value" for _, metric in asked})
            estimate = Estimate(None, 0, n_total, reason="; ".join(reasons))
        elif len(texts := {str(run.record.data.get("fingerprint")) for run, _ in asked}) > 1:
            estimate = Estimate(None, 0, n_total, reason=f"its seeds were asked about {len(texts)} different data sets")
        elif len(known) == 1:
            [only] = known.values()
            estimate = replace(only.estimate, n_total=n_total)
        else:
            lined_up = self.lined_up(system, decoding, measure, part)
            estimate = lined_up.over_seeds() if lined_up else _from_summaries(known.values())
            estimate = replace(estimate, n_total=n_total)
        values = tuple(metric.value for metric in known.values() if metric.value is not None)
        chance = chances.pop() if len(chances) == 1 else None
        target = self.target_of(measure)
        of_target = None if target is None else self.cell(system, decoding, target, part)
        return Cell(measure, estimate, tuple(known), values, chance, of_target.estimate.value if of_target else None)


def _from_summaries(metrics: Iterable[Metric]) -> Estimate:
    """The mean over seeds where their samples can't be had: of a median, say, or of a file that is gone."""
    reason = "from the seeds' summaries: their samples do not give this measure"
    return mean_of_seeds([metric.estimate for metric in metrics], reason)


def beginning(part: str) -> float | None:
    """A slice's value as a number; of a range, as '16-31', where it begins. None where it is none."""
    try:
        return float(re.sub(r"^(\d+)-\d+$", r"\1", part))
    except ValueError:
        return None


def _by_number(text: str) -> tuple[bool, float, str]:
    number = beginning(text)
    return number is None, number or 0.0, text
