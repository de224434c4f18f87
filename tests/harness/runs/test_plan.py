"""What a run's id depends on, and which runs share scores."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from evals.arithmetic import Arithmetic
from evals.perplexity import Perplexity
from harness.common.results_folder import ResultsFolder
from harness.runs.plan import EvalPlan
from harness.runs.tracking import Tracking
from harness.text.data.corpus import Corpus

PLAN = EvalPlan(
    fit_id="f" * 12,
    decoding_id="d" * 12,
    evals={"arithmetic": Arithmetic(), "perplexity": Perplexity()},
    corpus=Corpus("nothing", (), (), ()),
    seed=3,
    tracking=Tracking(),
    config={"names": {"model": "lstm", "decoding": "top_p"}, "post": {"sft": {}}},
    results=ResultsFolder(Path("results")),
    experiment="families",
)


def test_a_run_is_called_by_its_model_decoding_and_seed_and_lies_in_its_experiment() -> None:
    assert PLAN.run_id.startswith("lstm+sft-top_p-s3-")
    assert PLAN.folder == Path("results/families") / PLAN.run_id


@pytest.mark.parametrize(
    "change",
    [
        {"fit_id": "g" * 12},
        {"decoding_id": "e" * 12},
        {"evals": {"perplexity": Perplexity()}},
        {"evals": {"arithmetic": Arithmetic(num_samples=7), "perplexity": Perplexity()}},
    ],
)
def test_another_fit_decoding_or_eval_is_another_run(change: dict[str, Any]) -> None:
    assert dataclasses.replace(PLAN, **change).run_id != PLAN.run_id


def test_where_a_run_is_kept_and_mirrored_makes_no_other_run() -> None:
    moved = dataclasses.replace(
        PLAN, results=ResultsFolder(Path("other")), experiment="mine", tracking=Tracking(mode="disabled")
    )
    assert moved.run_id == PLAN.run_id


def test_scores_that_no_decoding_changes_are_shared_by_all_strategies() -> None:
    other = dataclasses.replace(PLAN, decoding_id="e" * 12)
    assert other.scores_path(Perplexity()) == PLAN.scores_path(Perplexity())
    assert other.scores_path(Arithmetic()) != PLAN.scores_path(Arithmetic())
    assert PLAN.scores_path(Arithmetic(num_samples=7)) != PLAN.scores_path(Arithmetic())
    other_fit = dataclasses.replace(PLAN, fit_id="g" * 12)
    assert other_fit.scores_path(Perplexity()) != PLAN.scores_path(Perplexity())


def test_an_eval_s_options_have_its_version() -> None:
    options = PLAN.eval_options
    assert set(options) == {"arithmetic", "perplexity"}
    assert options["arithmetic"]["version"] == Arithmetic.version
    assert options["arithmetic"]["num_samples"] == Arithmetic().num_samples
