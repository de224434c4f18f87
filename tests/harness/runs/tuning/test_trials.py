"""What is kept of trials, and which of them is the best."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.runs.tuning.space import Family
from harness.runs.tuning.trials import Tuned, best_of, confirmed_mean, distinct_best, keep, kept, write_tables
from tests.harness.runs.tuning.searches import trial

FAMILY = Family("gru", ["model=gru"], {"model.learning_rate": ["0.01", "0.02"]})


def test_trials_come_back_from_their_lines(tmp_path: Path) -> None:
    trials = [trial("gru", 1, 2.5), trial("gru", 2, None, seconds=None)]
    assert kept(tmp_path) == []
    for each in trials:
        keep(tmp_path, each)
    assert kept(tmp_path) == trials
    assert (tmp_path / "trials.jsonl").read_text().count("\n") == 2


def test_the_tables_have_a_row_for_each_trial_and_a_column_for_each_key(tmp_path: Path) -> None:
    write_tables(tmp_path, [trial("gru", 1, 2.5), trial("ngram", 1, 2.0, settings={"model.order": "5"})])
    for table in (pd.read_csv(tmp_path / "trials.csv"), pd.read_parquet(tmp_path / "trials.parquet")):
        assert list(table["family"]) == ["gru", "ngram"]
        assert list(table["validation_bits_per_byte"]) == [2.5, 2.0]
        assert table["model.order"].notna().tolist() == [False, True]
        assert float(table["model.learning_rate"][0]) == 0.01


def test_the_best_is_the_lowest_that_has_a_value() -> None:
    trials = [trial("gru", 1, None), trial("gru", 2, 2.5), trial("gru", 3, 2.1), trial("gru", 4, 2.1)]
    assert best_of(trials) == trials[2]
    assert best_of(trials[:1]) is None


def test_settings_that_were_drawn_twice_are_confirmed_once() -> None:
    trials = [trial("gru", 1, 2.5, fit_id="a"), trial("gru", 2, 2.1), trial("gru", 3, 2.5, fit_id="a")]
    assert distinct_best(trials, 3) == [trials[1], trials[0]]
    assert distinct_best(trials, 1) == [trials[1]]


def test_the_lowest_mean_over_other_seeds_is_chosen_before_the_lowest_value() -> None:
    lucky, steady = trial("gru", 1, 2.0), trial("gru", 2, 2.2)
    confirmations = [
        trial("gru", number, bits, seed) for number, seed, bits in [(1, 1, 2.6), (1, 2, 2.6), (2, 1, 2.2), (2, 2, 2.3)]
    ]
    assert Tuned(FAMILY, [lucky, steady]).best == lucky
    assert Tuned(FAMILY, [lucky, steady], confirmations).best == steady
    assert confirmed_mean(confirmations, 2) == 2.25
    assert confirmed_mean(confirmations, 3) is None


def test_settings_that_fail_with_another_seed_are_not_chosen() -> None:
    trials = [trial("gru", 1, 2.0), trial("gru", 2, 2.2)]
    confirmations = [
        trial("gru", 1, 2.0, 1),
        trial("gru", 1, None, 2),
        trial("gru", 2, 2.2, 1),
        trial("gru", 2, 2.3, 2),
    ]
    assert Tuned(FAMILY, trials, confirmations).best == trials[1]
