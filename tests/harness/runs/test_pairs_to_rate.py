"""Fits of runs write pairs to prompts of the training text, for people to rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.ratings.halves import is_for_ratings
from harness.runs import make_run
from harness.runs.lookup import find_run
from harness.runs.pairs_to_rate import Writers

SMALL = ("data=chatterbot", "tracking=none", "evals=[]", "budget.tokens=20000")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Two runs over the same text, and one over another."""
    results = tmp_path_factory.mktemp("rated") / "results"
    made = [
        make_run(*SMALL, f"results_dir={results}", *more)
        for more in (["model=ngram"], ["model=bigram"], ["model=bigram", "data.test_fraction=0.2"])
    ]
    return [find_run(run.run_id, results) for run in made]


def test_two_runs_write_to_the_same_prompts_and_one_writes_both(runs: list[Path]) -> None:
    writers = Writers.of(runs[:2], 20, seed=0)
    pairs = writers.pairs(30)
    assert len({pair.id for pair in pairs}) == 30
    assert {frozenset((pair.a.writer, pair.b.writer)) for pair in pairs} == {frozenset(fit.id for fit in writers.fits)}
    assert {pair.a.writer for pair in pairs} == {fit.id for fit in writers.fits}
    assert all(is_for_ratings(pair.cluster) and pair.prompt.endswith("Assistant:") for pair in pairs)
    assert writers.pairs(10) == pairs[:10]
    alone = Writers.of(runs[:1], 20, seed=0)
    assert {pair.a.writer for pair in alone.pairs(5)} == {pair.b.writer for pair in alone.pairs(5)}


def test_runs_over_different_texts_can_t_be_compared(runs: list[Path]) -> None:
    with pytest.raises(UserError, match="was trained on another text than"):
        Writers.of(runs[1:], 20, seed=0)
