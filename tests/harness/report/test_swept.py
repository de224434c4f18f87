"""Which numbers were swept, and what lies along each line."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.report.comparison import Comparison
from harness.report.swept import Option, in_words, lines, swept
from tests.harness.report.fake_results import copy_run

Sweep = Callable[..., Comparison]


@pytest.fixture
def sweep(small: Path, compare: Callable[[Path], Comparison]) -> Sweep:
    """The comparison of one model's run with each combination of the values: sweep({'model.order': (2, 3)}). What else
    a combination sets is said by `also`."""

    def swept_over(
        values: Mapping[str, tuple[Any, ...]],
        also: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda combination: {},
        decoding: str = "greedy",
    ) -> Comparison:
        for folder in list(runs(small)):
            if folder.name != f"ngram-{decoding}-s0":
                shutil.rmtree(folder)
        for place, numbers in enumerate(itertools.product(*values.values())):
            combination = dict(zip(values, numbers, strict=True))
            copy_run(small / f"ngram-{decoding}-s0", str(place), combination | dict(also(combination)))
        shutil.rmtree(small / f"ngram-{decoding}-s0")
        return compare(small)

    return swept_over


def runs(experiment: Path) -> Iterator[Path]:
    return (folder for folder in experiment.iterdir() if (folder / "run.json").is_file())


def keys(comparison: Comparison) -> list[str]:
    return [option.key for option in swept(comparison)]


def test_a_number_is_swept_from_two_values_on(sweep: Sweep) -> None:
    assert swept(sweep({"model.order": (2, 3)})) == [Option("model.order", (2.0, 3.0))]


def test_values_stand_in_order_with_inf_at_the_end_and_a_line_for_each_combination(sweep: Sweep) -> None:
    comparison = sweep({"model.smoothing": ("katz", "witten_bell"), "model.order": (10, "inf", 2, 3)})
    [option] = swept(comparison)
    assert (option.key, option.values) == ("model.order", (2.0, 3.0, 10.0, math.inf))
    assert comparison.ladder is not None
    along = lines(comparison, option, comparison.ladder)
    assert [line.name for line in along] == ["smoothing=katz", "smoothing=witten_bell"]
    assert [[value for value, _, _ in line.points] for line in along] == [[2.0, 3.0, 10.0, math.inf]] * 2


def test_a_point_is_the_recorded_value_of_its_system(sweep: Sweep) -> None:
    comparison = sweep({"model.order": (2, 3)})
    [option], measure = swept(comparison), comparison.ladder
    assert measure is not None
    [line] = lines(comparison, option, measure)
    for value, system, cell in line.points:
        [run] = [run for run in comparison.results.runs if run.record.model["order"] == value]
        record = json.loads((run.folder / "run.json").read_text())
        [metric] = [m for m in record["metrics"] if m["metric"] == "bits_per_byte" and m["slice"] == "all"]
        assert (system, cell.estimate.value) == (run.system, metric["value"])
        assert (cell.estimate.ci_low, cell.estimate.ci_high) == (metric["ci_low"], metric["ci_high"])


def test_runs_that_differ_in_more_than_the_number_are_no_sweep(sweep: Sweep) -> None:
    comparison = sweep({"model.order": (2, 3)}, also=lambda own: {"model.smoothing": f"smoothing {own['model.order']}"})
    assert swept(comparison) == []


def test_families_and_their_own_options_are_no_sweep(small: Path, compare: Callable[[Path], Comparison]) -> None:
    assert swept(compare(small)) == []


@pytest.mark.parametrize("key", ["evals.arithmetic.seed", "data.config.seed", "evals.arithmetic.version"])
def test_seeds_and_versions_are_no_quantities(sweep: Sweep, key: str) -> None:
    assert swept(sweep({key: (1, 2)})) == []


def test_whether_is_no_number(sweep: Sweep) -> None:
    assert swept(sweep({"model.keep_counts": (True, False)})) == []


def test_the_option_with_the_most_values_comes_first(sweep: Sweep) -> None:
    comparison = sweep({"model.cutoff": (0, 1), "model.order": (2, 3, 4), "training.batch_tokens": (64, 128)})
    assert keys(comparison) == ["model.order", "model.cutoff", "training.batch_tokens"]


def test_decoding_changes_what_is_written_and_no_likelihood(sweep: Sweep) -> None:
    comparison = sweep({"decoding.temperature": (0.3, 1.0)}, decoding="temperature")
    [option] = swept(comparison)
    assert option.key == "decoding.temperature"
    changed = {m.eval for m in comparison.headlines if option.changes(comparison, m)}
    assert changed == {"arithmetic", "turn_taking"}
    measure = next(m for m in comparison.headlines if m.eval == "arithmetic")
    assert [line.name for line in lines(comparison, option, measure)] == ["ngram"]


def test_an_option_of_an_eval_changes_that_eval_alone(sweep: Sweep) -> None:
    comparison = sweep({"evals.arithmetic.num_shots": (0, 2)})
    [option] = swept(comparison)
    assert [m.eval for m in comparison.headlines if option.changes(comparison, m)] == ["arithmetic"]


def test_other_evals_options_split_no_line(sweep: Sweep) -> None:
    comparison = sweep({"evals.arithmetic.num_shots": (0, 2), "model.order": (2, 3)})
    measure = comparison.ladder
    assert measure is not None
    [order] = [option for option in swept(comparison) if option.key == "model.order"]
    assert [len(line.points) for line in lines(comparison, order, measure)] == [2]


def test_a_width_that_is_solved_for_the_budget_is_not_swept_by_itself(sweep: Sweep) -> None:
    def solved(own: Mapping[str, Any]) -> dict[str, Any]:
        return {"model.d_model": own["budget.num_params"] // (1000 * own["model.layers"])}

    comparison = sweep({"budget.num_params": (12_000, 24_000, 48_000), "model.layers": (1, 2)}, also=solved)
    first, second = swept(comparison)
    assert first == Option("budget.num_params", (12_000.0, 24_000.0, 48_000.0), ("model.d_model",))
    assert second == Option("model.layers", (1.0, 2.0), ("model.d_model",))
    measure = comparison.ladder
    assert measure is not None
    assert [line.name for line in lines(comparison, first, measure)] == ["layers=1", "layers=2"]


def test_numbers_that_always_change_together_are_one_option(sweep: Sweep) -> None:
    comparison = sweep(
        {"data.config.max_digits": (1, 2, 3)},
        also=lambda own: {
            f"evals.{name}.max_digits": own["data.config.max_digits"] for name in ("arithmetic", "perplexity")
        },
    )
    together = ("evals.arithmetic.max_digits", "evals.perplexity.max_digits")
    assert swept(comparison) == [Option("data.config.max_digits", (1.0, 2.0, 3.0), together)]


@pytest.mark.parametrize(
    ("key", "axis"),
    [
        ("decoding.transforms.temperature.temperature", "temperature"),
        ("decoding.transforms.top_p.p", "p of top p"),
        ("model.learning_rate", "learning rate"),
        ("model.order", "order"),
        ("model.members.first.order", "order of first"),
        ("budget.tokens", "training budget, tokens"),
        ("evals.arithmetic.max_digits", "max digits of arithmetic eval"),
        ("data.config.sources.arithmetic.max_digits", "max digits of arithmetic"),
        ("tokenizer.config.vocab_size", "vocab size"),
    ],
)
def test_axes_are_named_in_plain_words(key: str, axis: str) -> None:
    assert in_words(key) == axis
