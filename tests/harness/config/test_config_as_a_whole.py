"""Every experiment that comes with bakeoff is one that can be run: each of its jobs composes and is typed."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config.compose import compose
from harness.runs.settings import typed
from harness.runs.sweep import expand
from tests.conftest import ROOT

EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_job_of_an_experiment_composes(path: Any) -> None:
    assert path.read_text(encoding="utf-8").splitlines()[1].startswith("# ")
    for job in expand([f"experiment={path.stem}"]):
        settings = typed(compose(job))
        assert settings.experiment_name == path.stem
        assert settings.evals
