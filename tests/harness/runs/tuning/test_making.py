"""A trial that is made: its budget, and what it is where no fit came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.runs.tuning import making
from harness.runs.tuning.making import scaled
from harness.training.budget import Budget
from harness.training.fits import Fit
from harness.training.gradients import Diverged
from tests.harness.runs.tuning.searches import tuner


@pytest.mark.parametrize("error", [MemoryError("no room for 8 GB"), Diverged("the loss is no number at step 3")])
def test_a_fit_that_fails_is_a_trial_without_a_value(
    error: Exception, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Fit:
        raise error

    monkeypatch.setattr(making, "obtain", fail)
    search = tuner(tmp_path, "model=bigram", "tune.trials=2")
    search.run()
    for trial in search.tuned[0].trials:
        assert (trial.status, trial.reason) == ("failed", f"{type(error).__name__}: {error}")
    assert len(search.tuned[0].trials) == 2
    assert search.tuned[0].best is None


def test_a_full_disk_ends_the_search(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Fit:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "obtain", full)
    with pytest.raises(OSError, match="No space"):
        tuner(tmp_path, "model=bigram", "tune.trials=2").run()


def test_a_trial_may_spend_a_share_of_the_budget(tmp_path: Path, cache: Path) -> None:
    assert scaled(Budget(tokens=1000, seconds=3, flops=1e9, num_params=50), 0.25) == Budget(250, 0.75, 2.5e8, 50)
    assert scaled(Budget(tokens=1000), 1.0) == Budget(tokens=1000)
    search = tuner(tmp_path, "model=bigram", "budget.tokens=1000", "tune.budget_fraction=0.25", "tune.trials=1")
    search.run()
    assert [trial.tokens for trial in search.tuned[0].trials] == [250]
