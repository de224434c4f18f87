"""Which settings are tried: searchers over a space, each a sequence of draws that follows from the seed.

A searcher is asked for the settings of the next trial and told what came of it. The same seed, space and outcomes give
the same sequence, so a search that was interrupted is asked and told again from the beginning. Needs no torch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import product
from typing import ClassVar

import numpy as np

from harness.common.errors import UserError
from harness.common.seeds import seed_of
from harness.runs.sweep import Interval
from harness.runs.tuning.settings import TuneSettings
from harness.runs.tuning.space import Space

Draw = dict[str, str]
"""A value for each key of a space, as it is written in an override."""

_MOST_CELLS = 1_000_000
_DIGITS = 4


class Searcher(ABC):
    """Picks the settings of one family's trials."""

    learns: ClassVar[bool] = False
    """Whether what it asks for next depends on what came of the trials before."""

    @abstractmethod
    def ask(self) -> Draw | None:
        """The settings of the next trial; None where there are none left."""

    def tell(self, bits_per_byte: float | None) -> None:  # noqa: B027 - most searchers learn nothing
        """What came of the trial that was asked for last; None: it has no value."""


def searcher(settings: TuneSettings, space: Space, family: str, seed: int) -> Searcher:
    """The searcher that the settings name, for one family."""
    if not space:
        return Grid(space, settings.grid_points, seed)  # of one cell
    if settings.searcher == "grid":
        return Grid(space, settings.grid_points, seed_of("grid", family, seed))
    if settings.searcher == "tpe":
        return TPE(space, seed_of("tpe", family, seed) % 2**32)
    return Random(space, seed_of("random", family, seed))


class Random(Searcher):
    """Draws every value independently: of a list each is as likely, of an interval the number or its logarithm is
    uniform (Bergstra & Bengio 2012)."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._generator = np.random.default_rng(seed)

    def ask(self) -> Draw:
        return {key: self._one(values) for key, values in self._space.items()}

    def _one(self, values: Sequence[str] | Interval) -> str:
        if not isinstance(values, Interval):
            return values[int(self._generator.integers(len(values)))]
        # a whole number is as likely as the interval of width 1 around it
        half = 0.5 if values.is_whole else 0.0
        low, high = values.low - half, values.high + half
        if values.is_logarithmic:
            number = math.exp(self._generator.uniform(math.log(low), math.log(high)))
        else:
            number = self._generator.uniform(low, high)
        return written(number, values)


class Grid(Searcher):
    """Every combination once, in an order drawn at random: what an interrupted or short search has tried is a fair
    sample of the grid."""

    def __init__(self, space: Space, num_points: int, seed: int) -> None:
        self._keys = list(space)
        values = [_points(of_key, num_points) for of_key in space.values()]
        if math.prod(map(len, values)) > _MOST_CELLS:
            raise UserError(
                f"the grid has more than {_MOST_CELLS:,} combinations. Search fewer options or values, lower "
                "tune.grid_points, or draw them: tune.searcher=random."
            )
        cells = list(product(*values))
        order = np.random.default_rng(seed).permutation(len(cells))
        self._cells: Iterator[tuple[str, ...]] = (cells[place] for place in order)

    def ask(self) -> Draw | None:
        cell = next(self._cells, None)
        return None if cell is None else dict(zip(self._keys, cell, strict=True))


class TPE(Searcher):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), by Optuna with its defaults."""

    learns = True

    def __init__(self, space: Space, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed))
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {}
        for key, values in space.items():
            if not isinstance(values, Interval):
                self._distributions[key] = optuna.distributions.CategoricalDistribution(values)
            elif values.is_whole:
                self._distributions[key] = optuna.distributions.IntDistribution(
                    int(values.low), int(values.high), log=values.is_logarithmic
                )
            else:
                self._distributions[key] = optuna.distributions.FloatDistribution(
                    values.low, values.high, log=values.is_logarithmic
                )

    def ask(self) -> Draw:
        self._trial = self._study.ask(self._distributions)
        draw = {}
        for key, value in self._trial.params.items():
            values = self._space[key]
            draw[key] = written(value, values) if isinstance(values, Interval) else str(value)
        return draw

    def tell(self, bits_per_byte: float | None) -> None:
        import optuna

        if bits_per_byte is None:  # as bad as any: the sampler keeps away from it
            self._study.tell(self._trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(self._trial, bits_per_byte)


def written(number: float, interval: Interval) -> str:
    """A number of an interval as it is written in an override, in four digits that don't leave the interval."""
    if interval.is_whole:
        return str(round(min(max(number, interval.low), interval.high)))
    rounded = float(f"{number:.{_DIGITS}g}")
    return repr(min(max(rounded, interval.low), interval.high))


def _points(values: Sequence[str] | Interval, num_points: int) -> list[str]:
    """The values of a key in a grid, each once."""
    if not isinstance(values, Interval):
        return list(dict.fromkeys(values))
    if values.is_logarithmic:
        numbers = np.geomspace(values.low, values.high, num_points)
    else:
        numbers = np.linspace(values.low, values.high, num_points)
    return list(dict.fromkeys(written(float(number), values) for number in numbers))
