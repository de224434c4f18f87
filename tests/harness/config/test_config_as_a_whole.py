"""Every experiment that comes with bakeoff is one that can be run: its jobs compose and are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.compose import compose
from harness.runs.settings import typed
from harness.runs.sweep import expand
from tests.conftest import ROOT

EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.campaign)], ids=["some", "all"])
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_jobs_of_an_experiment_compose(path: Path, every: bool) -> None:
    """Some jobs have each swept value once; a campaign takes all jobs."""
    assert path.read_text(encoding="utf-8").splitlines()[1].startswith("# ")
    composed: set[str] = set()
    for job in expand([f"experiment={path.stem}"]):
        if composed.issuperset(job) and not every:
            continue
        settings = typed(compose(job))
        assert settings.experiment_name == path.stem
        assert settings.evals
        composed |= set(job)
    assert composed
