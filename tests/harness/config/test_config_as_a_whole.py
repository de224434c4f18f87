"""Every experiment that comes with bakeoff is one that can be run: each of its jobs composes and is typed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import yaml

from harness.config.compose import compose
from harness.runs.settings import typed
from tests.conftest import ROOT

EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))


def jobs(content: dict[str, Any]) -> list[list[str]]:
    """The overrides of each job, first and last value of what is swept at least once each."""
    params = content["hydra"]["sweeper"]["params"]
    # what applies to one family alone, as model.ngram.order, is for its jobs (tests/harness/config/test_settings.py)
    of_all = {key: values for key, values in params.items() if not key.startswith("model.ngram.")}
    swept = [[f"{key}={value}" for value in str(values).split(",")] for key, values in of_all.items()]
    longest = max(map(len, swept))
    return [list(job) for job in zip(*(itertools.islice(itertools.cycle(one), longest) for one in swept), strict=True)]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_job_of_an_experiment_composes(path: Any) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert path.read_text(encoding="utf-8").splitlines()[1].startswith("# ")
    for job in jobs(content):
        settings = typed(compose([f"experiment={path.stem}", *job]))
        assert settings.experiment_name == path.stem
        assert settings.evals
