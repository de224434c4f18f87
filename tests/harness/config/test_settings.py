"""From plain values to typed settings: what is taken, what is refused, and what names a fit."""

from __future__ import annotations

from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.settings import build
from harness.runs.sweep import expand, sweep
from tests.harness.config.example import HERE, Example, Inner


def made(**values: Any) -> Example:
    return build({"_target_": f"{HERE}.Example", **values}, Example, "example")


def test_values_of_the_right_type_are_taken_nested_settings_too() -> None:
    inner = {"_target_": f"{HERE}.Inner", "size": 4}
    assert made(count=2, share=1, style="fancy", names=["a"], inner=inner, parts={"b": inner}) == Example(
        2, 1.0, "fancy", ["a"], Inner(4), {"b": Inner(4)}
    )
    assert made(count=1e6).count == 1_000_000
    assert made(count=2**63 - 1, share=10**30) == Example(2**63 - 1, 1e30)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cuont": 1}, ("example.cuont", "Did you mean 'count'?")),
        ({"count": "many"}, ("example.count='many'", "a whole number")),
        ({"count": 1.5}, ("example.count=1.5", "a whole number")),
        ({"count": True}, ("example.count=true", "a whole number")),
        ({"count": None}, ("example.count=null", "a whole number")),
        ({"share": "half"}, ("a number or null",)),
        ({"share": float("nan")}, ("example.share=nan",)),
        ({"style": "odd"}, ("one of plain, fancy",)),
        ({"names": "a"}, ("a list of text",)),
        ({"inner": 3}, ("example.inner=3",)),
        ({"inner": {"_target_": f"{HERE}.Example"}}, ("example.inner",)),
        ({"parts": {"b": {"_target_": f"{HERE}.Inner", "sise": 2}}}, ("example.parts.b.sise", "'size'")),
        ({"count": 0}, ("example: count must be 1 or more",)),
        ({"count": 2**63}, ("example.count=9223372036854775808", "at most 9,223,372,036,854,775,807 (2^63 - 1)")),
        (
            {"count": 1e30},
            ("example.count=1000000000000000019884624838656", "at most 9,223,372,036,854,775,807 (2^63 - 1)"),
        ),
    ],
)
def test_anything_else_is_refused_with_its_place_and_what_is_allowed(
    values: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as caught:
        made(**values)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("override", "group", "option", "meant"),
    [
        (r'data.separator="\n\n"', "data", "separator", "\n\n"),
        (r'format.after_name="\t"', "format", "after_name", "\t"),
        (
            r'format.speakers.Human="\u00dc"',
            "format",
            "speakers",
            {"Human": "Ü", "Assistant": "Assistant", "System": "System"},
        ),
        (r'evals.showcase.prompts=["A\nB"]', "showcase", "prompts", ["A\nB"]),
        (r'decoding.transforms.constrained.texts=["\n","\\n"]', "constrained", "texts", ["\n", r"\n"]),
    ],
)
def test_escapes_in_options_that_take_text_are_characters(
    override: str, group: str, option: str, meant: object
) -> None:
    config = compose(
        [
            *("data=text", "data.paths=a.txt", "evals=[showcase]", "decoding=constrained"),
            *("decoding.transforms.constrained.pattern=null", "decoding.transforms.constrained.texts=[a]", override),
        ]
    )
    nodes = {**config, "showcase": config["evals"]["showcase"], **config["decoding"]["transforms"]}
    assert getattr(build(nodes[group], object, group), option) == meant


@pytest.mark.parametrize("target", ["os.system", "nowhere.Thing", f"{HERE}.Inner", "noname"])
def test_a_target_that_is_no_such_settings_class_is_refused(target: str) -> None:
    with pytest.raises(UserError, match="example"):
        build({"_target_": target}, Example, "example")


def test_a_sweep_stands_for_every_combination_in_order() -> None:
    assert expand(["model=ngram,lstm", "seed=0,1", "budget.tokens=5"]) == [
        ["model=ngram", "seed=0", "budget.tokens=5"],
        ["model=ngram", "seed=1", "budget.tokens=5"],
        ["model=lstm", "seed=0", "budget.tokens=5"],
        ["model=lstm", "seed=1", "budget.tokens=5"],
    ]


def test_an_experiment_may_name_a_sweep_and_the_command_line_overrides_it() -> None:
    assert len(expand(["experiment=families"])) == 12 * 2
    jobs = expand(["experiment=families", "model=lstm,gru"])
    assert len(jobs) == 2 * 2
    assert all("experiment=families" in job for job in jobs)


def test_what_an_experiment_sets_for_one_family_gives_way_to_the_command_line() -> None:
    [job, _] = expand(["experiment=families", "model=ngram"])
    assert {"model.order=8", "model.smoothing=jelinek_mercer"} <= set(job)
    [job, _] = expand(["experiment=families", "model=ngram", "model.order=3"])
    assert "model.order=3" in job
    assert "model.order=8" not in job
    assert not any("model.order" in part for job in expand(["experiment=families", "model=gru"]) for part in job)
    with pytest.raises(UserError, match=r"model\.order.* applies to no run, because no run has model=ngram"):
        expand(["experiment=families", "model=gru", "model.ngram.order=3"])


def test_the_jobs_are_those_that_hydra_s_own_sweeper_makes() -> None:
    overrides = ["model=ngram,lstm", "seed=range(0,3)", "budget.tokens=choice(1000,2000)", "training.batch_tokens=64"]
    jobs = sweep(overrides).jobs
    [by_hydra] = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(overrides), None)
    assert [list(job.overrides) for job in jobs] == by_hydra
    assert [job.settings.names["model"] for job in jobs] == ["ngram"] * 6 + ["lstm"] * 6


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
