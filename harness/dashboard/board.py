"""The numbers of an experiment's report, in a form that can be kept: what the tables and charts of the views show.

They come from `harness.report.comparison`, as those of `bakeoff report` do; nothing is computed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from harness.evaluation.metric import LADDER_METRIC, Baseline
from harness.report.cautions import cautions
from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey
from harness.report.result_lines import Column, ResultLine, TableCell, result_lines, table_cell, usual_counts
from harness.report.stages import stage_rows
from harness.report.wording import direction, heading, words
from harness.statistics.estimate import Estimate


@dataclass(frozen=True)
class Asked:
    """What a system was tested on; only what was tested on the same can be compared."""

    data: tuple[str, ...]
    """Fingerprints."""
    versions: tuple[int, ...]
    """Of the eval."""
    samples: tuple[str, ...]
    """Hashes of the sets of samples, one a seed where they differ."""

    def unlike(self, other: Asked) -> str:
        """What differs from another one, in words; '' where nothing does."""
        parts = []
        for name, own, others in (
            ("data (fingerprint", [each[:12] for each in self.data], [each[:12] for each in other.data]),
            ("version of the eval (version", self.versions, other.versions),
            ("samples (set", [each[:8] for each in self.samples], [each[:8] for each in other.samples]),
        ):
            if list(own) != list(others):
                texts = [" and ".join(map(str, side)) or "none" for side in (own, others)]
                parts.append(f"another {name} {texts[0]} against {texts[1]})")
        return "; ".join(parts)


@dataclass(frozen=True)
class Board:
    """What a report says, without its tests."""

    lines: tuple[ResultLine, ...]
    """The worst system first."""
    measures: tuple[MeasureKey, ...]
    headlines: tuple[int, ...]
    """Their indexes among the measures."""
    decodings: tuple[str, ...]
    cells: Mapping[tuple[str, str, int], Cell]
    """By system, decoding strategy and the measure's index."""
    descriptions: tuple[str, ...]
    """What each measure is, '' where no record says it."""
    asked: Mapping[tuple[str, str, int], Asked]
    """By system, decoding and headline: what was asked, to see what can be compared."""
    best_decodings: Mapping[int, str]
    """By headline: the strategy under which it is shown where only one is."""
    cautions: tuple[str, ...] = ()
    stages: tuple[Mapping[str, Any], ...] = ()
    """What each stage of post-training came to: `harness.report.stages.stage_rows`."""
    left_out: tuple[tuple[str, str], ...] = field(default=())
    """(run, why) of runs that are not in it."""

    @classmethod
    def of(cls, comparison: Comparison, left_out: Sequence[tuple[str, str]] = ()) -> Board:
        """From a report's comparison. left_out: further runs that are not in it."""
        measures = comparison.measures
        headlines = tuple(measures.index(measure) for measure in comparison.headlines)
        cells = {
            (system, decoding, index): cell
            for index, measure in enumerate(measures)
            for decoding in comparison.decodings_of(measure)
            for system in comparison.systems
            if (cell := comparison.cell(system, decoding, measure)) is not None
        }
        replaced = [(f"{run.folder.parent.name}/{run.folder.name}", run.why) for run in comparison.results.left_out]
        return cls(
            tuple(result_lines(comparison)),
            measures,
            headlines,
            comparison.decodings,
            cells,
            tuple(comparison.description(measure) for measure in measures),
            {
                (system, decoding, index): _asked(comparison, system, decoding, measures[index])
                for system, decoding, index in cells
                if index in headlines
            },
            {index: comparison.best_decoding(measures[index]) for index in headlines},
            tuple(cautions(comparison)),
            tuple(stage_rows(comparison)),
            (*replaced, *left_out),
        )

    @cached_property
    def systems(self) -> tuple[str, ...]:
        """The worst first."""
        return tuple(dict.fromkeys(line.system for line in self.lines))

    @cached_property
    def families(self) -> dict[str, str]:
        """The family of each system."""
        return {line.system: line.family for line in self.lines}

    @cached_property
    def ladder(self) -> int | None:
        """The index of bits per byte."""
        return next((index for index in self.headlines if self.measures[index].metric == LADDER_METRIC), None)

    def index_of(self, eval_name: str, metric: str) -> int | None:
        """The index of a measure; None where there is none."""
        names = [(measure.eval, measure.metric) for measure in self.measures]
        return names.index((eval_name, metric)) if (eval_name, metric) in names else None

    def decodings_of(self, index: int) -> tuple[str, ...]:
        """Those under which a measure is worth telling apart."""
        return self.decodings if self.measures[index].uses_decoding else (ANY_DECODING,)

    def decoding_for(self, index: int, wanted: str | None) -> str:
        """The strategy under which a measure is shown: the wanted one where there is such, else the best."""
        possible = self.decodings_of(index)
        if wanted in possible:
            return str(wanted)
        return self.best_decodings.get(index, possible[0])

    @cached_property
    def usual_counts(self) -> tuple[str, ...]:
        """Of each measure."""
        cells: list[list[Cell]] = [[] for _ in self.measures]
        for (_, _, index), cell in self.cells.items():
            cells[index].append(cell)
        return tuple(map(usual_counts, cells))

    def table_cell(self, line: ResultLine, index: int) -> TableCell:
        """What a line has of a measure."""
        decoding = line.decoding if self.measures[index].uses_decoding else ANY_DECODING
        return table_cell(self.cells.get((line.system, decoding, index)), self.usual_counts[index])

    def column(self, index: int, link: str = "") -> Column:
        """The head over the cells of a measure. link: where it leads."""
        measure = self.measures[index]
        told = ", ".join(filter(None, (words(measure.eval), direction(measure))))
        name = heading(measure.metric, measure.unit)
        return Column(name, told, self.usual_counts[index], link=link, about=self.descriptions[index])

    def line(self, system: str, decoding: str) -> ResultLine:
        """A system's line under a strategy; under any, or one that it has not, its first."""
        of_system = [line for line in self.lines if line.system == system]
        return next((line for line in of_system if line.decoding == decoding), of_system[0])

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "lines": [asdict(line) for line in self.lines],
            "measures": [asdict(measure) for measure in self.measures],
            "headlines": self.headlines,
            "decodings": self.decodings,
            "cells": [
                [system, decoding, index, asdict(c.estimate), c.seeds, c.per_seed, c.chance, c.target]
                for (system, decoding, index), c in self.cells.items()
            ],
            "descriptions": self.descriptions,
            "asked": [[*key, asdict(asked)] for key, asked in self.asked.items()],
            "best_decodings": list(self.best_decodings.items()),
            "cautions": self.cautions,
            "stages": self.stages,
            "left_out": self.left_out,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Board:
        """From `plain`."""
        measures = tuple(_measure(fields) for fields in plain["measures"])
        cells = {
            (system, decoding, index): Cell(
                measures[index], Estimate(**estimate), tuple(seeds), tuple(per_seed), chance, target
            )
            for system, decoding, index, estimate, seeds, per_seed, chance, target in plain["cells"]
        }
        return cls(
            tuple(_line(fields) for fields in plain["lines"]),
            measures,
            tuple(plain["headlines"]),
            tuple(plain["decodings"]),
            cells,
            tuple(plain["descriptions"]),
            {
                (system, decoding, index): Asked(**{name: tuple(values) for name, values in fields.items()})
                for system, decoding, index, fields in plain["asked"]
            },
            dict(plain["best_decodings"]),
            tuple(plain["cautions"]),
            tuple(plain["stages"]),
            tuple((run, why) for run, why in plain["left_out"]),
        )


def _line(fields: Mapping[str, Any]) -> ResultLine:
    lists = {name: tuple(fields[name]) for name in ("runs", "experiments")}
    return ResultLine(**{**fields, **lists})


def _measure(fields: Mapping[str, Any]) -> MeasureKey:
    baseline = fields["baseline"]
    return MeasureKey(**{**fields, "baseline": None if baseline is None else Baseline(**baseline)})


def _asked(comparison: Comparison, system: str, decoding: str, measure: MeasureKey) -> Asked:
    data, versions, samples = set(), set(), set()
    for run, metric in comparison.records(system, decoding, measure).values():
        data.add(str(run.record.data.get("fingerprint")))
        versions.add(metric.eval_version)
        table = comparison.tables_of(run).get(measure.eval)
        if table is not None:
            ids = "\n".join(sorted(table.asked_for(measure.metric).ids))
            samples.add(hashlib.sha256(ids.encode("utf-8", "replace")).hexdigest())
    return Asked(tuple(sorted(data)), tuple(sorted(versions)), tuple(sorted(samples)))
