"""What a sweep's command line asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

from harness.common.errors import UserError
from harness.config.options import GROUPS, option, options
from harness.runs.sweep import command_settings, expand, of_command, sweep
from harness.workers.settings import Launcher, Slurm, SweepSettings


def test_a_family_s_own_options_are_set_in_its_runs_alone() -> None:
    assert expand(["model=ngram,lstm", "model.ngram.order=2,3", "seed=0,1", "model.lstm.d_model=8"]) == [
        ["model=ngram", "seed=0", "model.order=2"],
        ["model=ngram", "seed=0", "model.order=3"],
        ["model=ngram", "seed=1", "model.order=2"],
        ["model=ngram", "seed=1", "model.order=3"],
        ["model=lstm", "seed=0", "model.d_model=8"],
        ["model=lstm", "seed=1", "model.d_model=8"],
    ]


def test_a_family_has_stages_of_its_own() -> None:
    assert expand(["model=ngram,lstm", "model.ngram.post=[],[sft]", "model.lstm.post=[sft,rloo]"]) == [
        ["model=ngram", "post=[]"],
        ["model=ngram", "post=[sft]"],
        ["model=lstm", "post=[sft,rloo]"],
    ]


def test_options_of_a_stage_go_to_the_runs_that_pick_it() -> None:
    assert expand(["post=[],[sft],[sft,rloo]", "post.sft.replay=0.2", "post.rloo.beta=0.1,0.3"]) == [
        ["post=[]"],
        ["post=[sft]", "post.sft.replay=0.2"],
        ["post=[sft,rloo]", "post.sft.replay=0.2", "post.rloo.beta=0.1"],
        ["post=[sft,rloo]", "post.sft.replay=0.2", "post.rloo.beta=0.3"],
    ]
    own = ["model=ngram,lstm", "model.lstm.post=[sft]", "model.ngram.post=[]", "post.sft.replay=0.2"]
    assert expand(own) == [["model=ngram", "post=[]"], ["model=lstm", "post.sft.replay=0.2", "post=[sft]"]]


@pytest.mark.parametrize("picks", [["post=[],[rloo]"], ["post=[]"], []])
def test_options_of_a_stage_that_no_run_picks_stay_to_be_refused(picks: list[str]) -> None:
    assert all("post.sft.replay=0.2" in job for job in expand([*picks, "post.sft.replay=0.2"]))


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


@pytest.mark.parametrize("kind", ["launcher", "sweeper"])
def test_hydra_s_own_launchers_and_sweepers_are_refused(kind: str, tmp_path: Path) -> None:
    ConfigStore.instance().store(group=f"hydra/{kind}", name="other", node={"_target_": "somewhere.Other"})
    with pytest.raises(UserError, match=rf"hydra/{kind}=other is not used here.*Leave it out, and use"):
        sweep([f"hydra/{kind}=other", "model=unigram,bigram"])
    experiment = tmp_path / "mine.yaml"
    experiment.write_text(f"# @package _global_\n# Mine.\ndefaults:\n  - override /hydra/{kind}: other\n")
    with pytest.raises(UserError, match=rf"hydra/{kind}=other is not used here"):
        sweep([f"experiment={experiment}", "model=unigram,bigram"])


def test_settings_of_the_sweep_itself_are_part_of_no_run() -> None:
    asked = ["model=unigram,bigram", "sweep.workers=3", "launcher=slurm", "launcher.partition=debug"]
    assert [list(job.overrides) for job in sweep(asked).jobs] == [["model=unigram"], ["model=bigram"]]
    assert command_settings("sweep", SweepSettings, of_command(asked)).workers == 3
    launcher = command_settings("launcher", Launcher, of_command(asked), "local")
    assert isinstance(launcher, Slurm)
    assert launcher.partition == "debug"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "sweep.worker=2",
            r"sweep\.worker is not an option\. Did you mean 'sweep.workers'\? Allowed: sweep\.workers, ",
        ),
        ("sweep.workers=1,2", r"sweep\.workers has several values"),
        ("sweep.workers=0", r"workers=0 is not allowed: it must be 1 to 1,024, or null"),
        ("launcher=slum", r"launcher=slum is not known.*Did you mean 'slurm'"),
        ("launcher.time=1", r"launcher\.time is not an option"),
    ],
)
def test_wrong_settings_of_the_sweep_itself_are_refused(override: str, said: str) -> None:
    asked = of_command(["model=unigram,bigram", override])
    group, kind, default = (
        ("sweep", SweepSettings, "default") if "sweep" in override else ("launcher", Launcher, "local")
    )
    with pytest.raises(UserError, match=said):
        command_settings(group, kind, asked, default)


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
