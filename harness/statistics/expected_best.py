"""The expected best of a number of random trials, from a sample of trials.

Dodge, Gururangan, Card, Schwartz & Smith 2019 ('Show Your Work: Improved Reporting of Experimental Results', section
3): the best of n draws, with replacement, from the empirical distribution of the values. Tang et al. 2020 ('Showing
Your Work Doesn't Always Work') draw without replacement, which is unbiased but varies more. Dodge, Gururangan, Card,
Schwartz & Smith 2021 compared both: the first led to fewer wrong conclusions about which of two models is better, so it
is used here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.estimate import CONFIDENCE

_NUM_RESAMPLES = 1000


def expected_lowest(values: Sequence[float | None], most: int) -> np.ndarray:
    """The expected lowest value of 1, 2, ... `most` draws from these trials: (most,) float64.

    None: a trial without a value. It can be drawn, but is never the lowest; the expectation is over draws that hold a
    value. NaN where no trial has one.
    """
    return _expected_lowest(_numbers(values)[None], most).squeeze(0)


def expected_lowest_band(values: Sequence[float | None], most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the 95 % interval of each expected lowest value, by the percentile bootstrap over trials: two arrays
    (most,). Resamples in which no trial has a value are left out; NaN where no trial has one."""
    numbers = _numbers(values)
    if not np.isfinite(numbers).any():
        return np.full(most, np.nan), np.full(most, np.nan)
    resampled = np.random.default_rng(seed).choice(numbers, (_NUM_RESAMPLES, len(numbers)))
    estimates = _expected_lowest(resampled[np.isfinite(resampled).any(axis=1)], most)
    low, high = np.quantile(estimates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return low, high


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    """The values; infinity for None."""
    return np.array([np.inf if value is None else value for value in values])


def _expected_lowest(values: np.ndarray, most: int) -> np.ndarray:
    """values: (R, N), infinite where a trial has none. Returns (R, most), NaN for a row without values."""
    ordered = np.sort(values, axis=1)
    num_values = values.shape[1]
    # the chance that n draws are all above the i lowest values
    all_above = (1 - np.arange(num_values + 1) / num_values) ** np.arange(1, most + 1)[:, None]  # (most, N + 1)
    is_lowest = all_above[:, :-1] - all_above[:, 1:]  # (most, N)
    known = np.isfinite(ordered)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, ordered, 0.0) @ is_lowest.T / (known @ is_lowest.T))
