"""From plain values to typed settings: what is taken, what is refused, and what names a fit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.identity import identity, plain
from harness.config.options import GROUPS, known_targets, options, relocated
from harness.config.settings import build
from harness.runs.settings import typed
from harness.runs.sweep import expand, launch, sweep
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.budget import Budget
from harness.training.fits import FitSettings, fit_id
from harness.training.settings import Training
from models.bigram import BigramConfig


@dataclass(frozen=True)
class Inner:
    size: int = 1


@dataclass(frozen=True)
class Example:
    version: ClassVar[int] = 3
    count: int = 1
    share: float | None = None
    style: Literal["plain", "fancy"] = "plain"
    names: list[str] = field(default_factory=list)
    inner: Inner = field(default_factory=Inner)
    parts: dict[str, Inner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("count must be 1 or more")


HERE = "tests.harness.config.test_settings"


def made(**values: Any) -> Example:
    return build({"_target_": f"{HERE}.Example", **values}, Example, "example")


def test_values_of_the_right_type_are_taken_nested_settings_too() -> None:
    inner = {"_target_": f"{HERE}.Inner", "size": 4}
    assert made(count=2, share=1, style="fancy", names=["a"], inner=inner, parts={"b": inner}) == Example(
        2, 1.0, "fancy", ["a"], Inner(4), {"b": Inner(4)}
    )
    assert made(count=1e6).count == 1_000_000


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cuont": 1}, ("example.cuont", "Did you mean 'count'?")),
        ({"count": "many"}, ("example.count='many'", "a whole number")),
        ({"count": 1.5}, ("example.count=1.5", "a whole number")),
        ({"count": True}, ("example.count=True", "a whole number")),
        ({"count": None}, ("example.count=None", "a whole number")),
        ({"share": "half"}, ("a number or null",)),
        ({"share": float("nan")}, ("example.share=nan",)),
        ({"style": "odd"}, ("one of plain, fancy",)),
        ({"names": "a"}, ("a list of text",)),
        ({"inner": 3}, ("example.inner=3",)),
        ({"inner": {"_target_": f"{HERE}.Example"}}, ("example.inner",)),
        ({"parts": {"b": {"_target_": f"{HERE}.Inner", "sise": 2}}}, ("example.parts.b.sise", "'size'")),
        ({"count": 0}, ("example: count must be 1 or more",)),
    ],
)
def test_anything_else_is_refused_with_its_place_and_what_is_allowed(
    values: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as caught:
        made(**values)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("target", ["os.system", "nowhere.Thing", "tests.harness.config.test_settings.Inner", "noname"])
def test_a_target_that_is_no_such_settings_class_is_refused(target: str) -> None:
    with pytest.raises(UserError, match="example"):
        build({"_target_": target}, Example, "example")


def test_identity_names_class_version_and_every_field() -> None:
    assert identity(Example(inner=Inner(2))) == {
        "class": "Example",
        "version": 3,
        "fields": {
            "count": 1,
            "share": None,
            "style": "plain",
            "names": [],
            "inner": {"class": "Inner", "version": 1, "fields": {"size": 2}},
            "parts": {},
        },
    }


def test_plain_values_are_built_into_the_same_settings() -> None:
    settings = Example(2, 0.5, "fancy", ["a"], Inner(4), {"b": Inner(5)})
    assert plain(settings)["inner"] == {"_target_": f"{HERE}.Inner", "size": 4}
    assert build(plain(settings), Example, "example") == settings


def test_a_class_that_is_moved_keeps_its_identity_and_its_fit() -> None:
    corpus = Corpus("c", (Document("a", "ab", "s", "a"),), (Document("b", "ba", "s", "b"),), ())

    def fit_settings() -> FitSettings:
        return FitSettings(BigramConfig(), ByteTokenizerSettings(), Training(), Budget(tokens=100), seed=0)

    before = fit_id(fit_settings(), corpus)
    homes = {cls: cls.__module__ for cls in (FitSettings, BigramConfig, ByteTokenizerSettings, Training, Budget)}
    try:
        for cls in homes:
            cls.__module__ = "somewhere.else"
        assert fit_id(fit_settings(), corpus) == before
    finally:
        for cls, home in homes.items():
            cls.__module__ = home
    assert fit_id(replace(fit_settings(), seed=1), corpus) != before


def test_no_two_classes_that_options_of_a_group_name_share_a_name() -> None:
    names = [(group, target.rpartition(".")[2]) for target, group in known_targets().items()]
    assert len(set(names)) == len(names)


def test_a_saved_configuration_finds_a_class_that_has_moved_since() -> None:
    saved = {
        "model": {"_target_": "harness.attic.LSTMConfig", "d_model": 4},
        "list": [{"_target_": "evals.x.Perplexity"}],
    }
    assert relocated(saved) == {
        "model": {"_target_": "models.lstm.LSTMConfig", "d_model": 4},
        "list": [{"_target_": "evals.perplexity.Perplexity"}],
    }
    for stranger in (
        "os.system",
        "elsewhere.LSTMConfig",
        "harness.attic.Nothing",
        "bakeoff_file.mine_0123456789ab.LSTMConfig",
    ):
        assert relocated({"_target_": stranger}) == {"_target_": stranger}


# What is nothing without a path, or a run, of the user's own.
OWN_FILES = ("data=text", "model=hf", "tokenizer=hf", "decoding=speculative")
EVERY_OPTION = [option for group in GROUPS for name in options(group) if (option := f"{group}={name}") not in OWN_FILES]


@pytest.mark.parametrize("override", EVERY_OPTION)
def test_every_option_of_every_group_composes_and_builds(override: str) -> None:
    group, name = override.split("=")
    composed = compose([f"{group}=[{name}]" if group == "evals" else override])
    made = typed(composed)
    if group == "evals":
        assert list(made.evals) == [name]
    elif group == "experiment":
        assert made.experiment_name == name
    else:
        assert made.names[group] == name


def test_a_saved_configuration_may_only_ask_for_what_conf_names() -> None:
    targets = known_targets()
    assert targets["models.lstm.LSTMConfig"] == "model"
    assert "os.system" not in targets


def test_a_sweep_stands_for_every_combination_in_order() -> None:
    assert expand(["model=ngram,lstm", "seed=0,1", "budget.tokens=5"]) == [
        ["model=ngram", "seed=0", "budget.tokens=5"],
        ["model=ngram", "seed=1", "budget.tokens=5"],
        ["model=lstm", "seed=0", "budget.tokens=5"],
        ["model=lstm", "seed=1", "budget.tokens=5"],
    ]


def test_an_experiment_may_name_a_sweep_and_the_command_line_overrides_it() -> None:
    assert len(expand(["experiment=families"])) == 8 * 4
    jobs = expand(["experiment=families", "model=lstm,gru"])
    assert len(jobs) == 2 * 4
    assert all("experiment=families" in job for job in jobs)


def test_the_jobs_run_here_unless_another_launcher_is_picked(tmp_path: Path) -> None:
    overrides = ["model=ngram,lstm", "seed=0,1", f"results_dir={tmp_path}"]
    here = sweep(overrides)
    assert here.runs_here
    assert [job.settings.names["model"] for job in here.jobs] == ["ngram", "ngram", "lstm", "lstm"]
    # Hydra's own way, under whatever launcher, comes to the same jobs
    by_hydra: list[list[str]] = []
    launch(overrides, lambda own: by_hydra.append(own) or compose(own))
    assert by_hydra == [job.overrides for job in here.jobs]


def test_a_misconfigured_job_stops_a_sweep_before_it_starts() -> None:
    with pytest.raises(UserError, match="Did you mean 'lstm'"):
        sweep(["model=ngram,lstn"])


def test_an_interval_is_no_list_of_values_to_sweep_over() -> None:
    with pytest.raises(UserError, match=r"seed=interval\(0,3\).*seed=1,2,3"):
        expand(["seed=interval(0,3)"])


def test_the_overrides_of_a_sweep_are_those_of_hydra_s_own_sweeper() -> None:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    overrides = ["model=lstm,gru", "seed=range(0,3)", "~tracking", "evals=[perplexity],[arithmetic]", "seed=7,8"]
    [jobs] = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(overrides), None)
    assert expand(overrides) == jobs
