"""Settings for some runs of a sweep; the results of runs in other processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.config.options import GROUPS, option, options
from harness.runs.sweep import expand, sweep
from tests.commands import bakeoff
from tests.conftest import ROOT

SWEEP = (
    "run",
    "-m",
    "hydra/launcher=forking",
    "data=chatterbot",
    "tracking=none",
    "evals=[arithmetic]",
    "evals.arithmetic.num_samples=2",
)
PATHS = {"PYTHONPATH": f"{ROOT / 'tests' / 'forking_launcher'}{os.pathsep}{ROOT}"}


def statuses(folder: Path) -> list[str]:
    records = [json.loads(path.read_text()) for path in (folder / "results").glob("default/*/run.json")]
    return sorted(record["status"] for record in records)


def test_a_sweep_in_other_processes_ends_with_status_0_where_all_its_runs_are_complete(tmp_path: Path) -> None:
    done = bakeoff(tmp_path, *SWEEP, "budget.tokens=2000", "model=unigram,bigram", **PATHS)
    assert statuses(tmp_path) == ["complete", "complete"]
    assert "2 complete" in done.stdout


def test_a_run_that_failed_in_another_process_is_status_1(tmp_path: Path) -> None:
    small = ("model=lstm", "model.d_model=48", "training.max_grad_norm=1e30", "budget.tokens=40000")
    done = bakeoff(tmp_path, *SWEEP, *small, "model.learning_rate=1e30,0.004", status=1, **PATHS)
    assert statuses(tmp_path) == ["complete", "failed"]
    assert "1 failed, 1 complete" in done.stdout


def test_a_run_that_another_process_never_finished_is_status_1(tmp_path: Path) -> None:
    # the second run needs more parameters than allowed, which is noticed during the fit
    done = bakeoff(
        tmp_path, *SWEEP, "budget.tokens=2000", "model=unigram,lstm", "budget.num_params=300", status=1, **PATHS
    )
    assert statuses(tmp_path) == ["complete"]
    assert "1 not finished" in done.stdout


def test_a_family_s_own_options_are_set_in_its_runs_alone() -> None:
    assert expand(["model=ngram,lstm", "model.ngram.order=2,3", "seed=0,1", "model.lstm.d_model=8"]) == [
        ["model=ngram", "seed=0", "model.order=2"],
        ["model=ngram", "seed=0", "model.order=3"],
        ["model=ngram", "seed=1", "model.order=2"],
        ["model=ngram", "seed=1", "model.order=3"],
        ["model=lstm", "seed=0", "model.d_model=8"],
        ["model=lstm", "seed=1", "model.d_model=8"],
    ]


def test_options_of_one_s_own_families_and_strategies_reach_the_settings() -> None:
    swept = ["model=uniform,ngram", "model.ngram.order=2", "decoding=greedy,top_p"]
    jobs = sweep([*swept, "decoding.top_p.transforms.top_p.p=0.25"]).jobs
    seen = [
        (job.settings.resolved["model"].get("order"), "top_p" in job.settings.resolved["decoding"]["transforms"])
        for job in jobs
    ]
    assert seen == [(None, False), (None, True), (2, False), (2, True)]
    assert jobs[1].settings.resolved["decoding"]["transforms"]["top_p"]["p"] == 0.25


def test_options_of_a_family_that_is_not_in_the_sweep_are_refused() -> None:
    with pytest.raises(UserError, match=r"model.order applies to no run, because no run has model=gru"):
        expand(["model=ngram,lstm", "model.gru.order=5"])


def test_a_launcher_in_other_processes_refuses_them(tmp_path: Path) -> None:
    done = bakeoff(tmp_path, *SWEEP, "model=unigram,ngram", "model.ngram.order=2", status=2, **PATHS)
    assert "model.ngram.order=2 sets an option for some runs of the sweep only" in done.stderr


def test_no_option_has_a_key_that_is_named_like_an_option_of_its_group() -> None:
    clashes = {
        (group, name, key)
        for group in set(GROUPS) - {"evals", "experiment"}
        for name in options(group)
        for key in option(group, name).content
        if key in options(group)
    }
    assert not clashes


FAMILY = """
from dataclasses import dataclass
from typing import ClassVar
from harness.plugin_kit.chain import ChainConfig

@dataclass(frozen=True)
class Tiny(ChainConfig):
    family: ClassVar[str] = "tiny"
    width: int = 8
"""


@pytest.mark.parametrize("name", ["tiny.py", "tiny.yaml"])
def test_options_of_a_family_from_a_file_are_set_in_its_runs_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.py").write_text(FAMILY)
    Path("tiny.yaml").write_text("_target_: tiny.Tiny\nwidth: 8\n")
    assert expand([f"model=gru,./{name}", "model.tiny.width=16,32", "model.gru.d_model=24"]) == [
        ["model=gru", "model.d_model=24"],
        [f"model=./{name}", "model.width=16"],
        [f"model=./{name}", "model.width=32"],
    ]
    assert expand([f"model=./{name}", "model.tiny.width=16"]) == [[f"model=./{name}", "model.width=16"]]


def test_a_sweep_over_a_file_s_options_reaches_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.py").write_text(FAMILY)
    jobs = sweep(["model=gru,'./tiny.py'", "model.tiny.width=16,32"]).jobs
    assert [getattr(job.settings.model, "width", None) for job in jobs] == [None, 16, 32]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["seed=range(0)"], r"seed=range\(0\) has no values"),
        (["model=bigram", "seed=range(1000000000)"], r"more than 10,000 runs.*\(seed has most\)"),
        (["seed=range(200)", "model.order=range(1,20)", "decoding=greedy,top_p,top_k"], "more than 10,000 runs"),
    ],
)
def test_a_sweep_of_no_runs_or_of_far_too_many_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        expand(overrides)
