"""A power law with an irreducible part, fitted to losses at several budgets: loss = E + A * budget^-a (Hestness et al.
2017; Hoffmann et al. 2022, equation 2).

The fit minimises Huber's loss of the logarithms' differences from several starts, as Hoffmann et al. do. Whether the
law holds is seen where each budget is left out and predicted from the others: fits of few points always look good
(Besiroglu et al. 2024). Needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.statistics.arrays import Floats

FEWEST_BUDGETS = 4
"""The law has three parameters."""
_HUBER = 1e-3
_STARTS, _SHARES = (0.1, 0.5), (0.3, 0.9)  # of the exponent; of the lowest loss, for E


@dataclass(frozen=True)
class PowerLaw:
    """loss = irreducible + coefficient * budget^-exponent."""

    irreducible: float
    coefficient: float
    exponent: float
    left_out_error: float = math.nan
    """The largest error of a budget's loss when it is predicted from the others, as a share of it."""

    def at(self, budgets: Sequence[float] | Floats) -> Floats:
        """The losses at these budgets."""
        losses: Floats = self.irreducible + self.coefficient * np.asarray(budgets, dtype=np.float64) ** -self.exponent
        return losses


def fit_power_law(budgets: Sequence[float], losses: Sequence[float]) -> PowerLaw:
    """The law of positive losses at four positive budgets or more."""
    if len(budgets) < FEWEST_BUDGETS or len(budgets) != len(losses):
        raise ValueError(f"{len(budgets)} budgets and {len(losses)} losses: {FEWEST_BUDGETS} of both are needed.")
    xs, ys = np.asarray(budgets, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    middle = math.exp(float(np.log(xs).mean()))
    scaled, lowest = np.log(xs / middle), float(ys.min())
    starts = [
        np.array([math.log(share * lowest), math.log(float(np.median(ys)) - 0.99 * share * lowest), exponent])
        for exponent in _STARTS
        for share in _SHARES
    ]
    fitted = _fitted(scaled, np.log(ys), starts)
    errors = []
    for place in range(len(xs)):
        others = np.arange(len(xs)) != place
        predicted = _logs(_fitted(scaled[others], np.log(ys[others]), [fitted]), scaled[place])
        errors.append(abs(math.exp(float(predicted)) / ys[place] - 1))
    irreducible, coefficient, exponent = map(float, fitted)
    return PowerLaw(math.exp(irreducible), math.exp(coefficient + exponent * math.log(middle)), exponent, max(errors))


def _logs(parameters: Floats, scaled: Floats) -> Floats:
    """The logarithms of the losses, from the logarithms of E and A and the exponent."""
    irreducible, coefficient, exponent = parameters
    logs: Floats = np.logaddexp(irreducible, coefficient - exponent * scaled)
    return logs


def _fitted(scaled: Floats, logs: Floats, starts: Sequence[Floats]) -> Floats:
    from scipy.optimize import least_squares  # only where it is needed: settings are checked without scipy

    bounds = ([-50.0, -50.0, 0.0], [float(logs.min()), 50.0, 5.0])
    fits = [
        least_squares(
            lambda parameters: _logs(parameters, scaled) - logs,
            np.clip(start, *np.add(bounds, [[1e-9], [-1e-9]])),
            bounds=bounds,
            loss="huber",
            f_scale=_HUBER,
        )
        for start in starts
    ]
    best: Floats = min(fits, key=lambda fit: float(fit.cost)).x
    return best
