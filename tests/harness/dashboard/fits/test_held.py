from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.dashboard.fits.held import Held


def test_a_fit_is_loaded_once_and_at_most_three_stay(fits: Path, run_of: dict[str, str]) -> None:
    held = Held(fits)
    first = held.fit(run_of["uniform"])
    held.kept[first.folder, "x"] = 1
    assert held.fit(run_of["uniform"]) is first
    assert held.engine(run_of["uniform"], None).model is first.model
    for family in ("gru", "ngram", "transformer"):
        held.fit(run_of[family])
    assert held.kept == {}
    assert held.fit(run_of["uniform"]) is not first


def test_a_run_that_is_not_there_is_refused(fits: Path) -> None:
    with pytest.raises(UserError, match="no run"):
        list(Held(fits).warm_up("small/gone"))
