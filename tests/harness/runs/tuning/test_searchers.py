"""Searchers: random draws against scipy's distributions, grids against a product, TPE against Optuna itself."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import optuna
import pytest
from scipy import stats

from harness.common.errors import UserError
from harness.runs.sweep import Interval
from harness.runs.tuning.searchers import TPE, Grid, Random, Searcher, searcher, written
from harness.runs.tuning.settings import TuneSettings
from harness.runs.tuning.space import Space

RATE = Interval(1e-4, 1e-1, is_logarithmic=True, is_whole=False)
SHARE = Interval(0.0, 0.5, is_logarithmic=False, is_whole=False)
LAYERS = Interval(1, 4, is_logarithmic=False, is_whole=True)
SPACE: Space = {"rate": RATE, "share": SHARE, "layers": LAYERS, "kind": ("a", "b", "c")}


def draws(of: Searcher, count: int) -> list[dict[str, str]]:
    found = [of.ask() for _ in range(count)]
    return [draw for draw in found if draw is not None]


def test_random_draws_have_the_declared_distributions() -> None:
    found = draws(Random(SPACE, seed=3), 3000)
    logarithms = [math.log10(float(draw["rate"])) for draw in found]
    assert stats.kstest(logarithms, stats.uniform(-4, 3).cdf).pvalue > 0.01
    assert stats.kstest([float(draw["share"]) for draw in found], stats.uniform(0, 0.5).cdf).pvalue > 0.01
    for key, values in (("layers", ["1", "2", "3", "4"]), ("kind", ["a", "b", "c"])):
        counts = Counter(draw[key] for draw in found)
        assert sorted(counts) == values
        assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_random_draws_of_two_keys_are_independent() -> None:
    found = draws(Random({"first": SHARE, "second": SHARE}, seed=0), 2000)
    pairs = [(float(draw["first"]), float(draw["second"])) for draw in found]
    assert stats.spearmanr(pairs).pvalue > 0.01


def test_a_search_goes_on_with_the_same_draws_whatever_its_length() -> None:
    assert draws(Random(SPACE, seed=1), 5) == draws(Random(SPACE, seed=1), 9)[:5]
    assert draws(Random(SPACE, seed=1), 5) != draws(Random(SPACE, seed=2), 5)


def test_a_grid_has_every_combination_once() -> None:
    found = draws(Grid({"share": SHARE, "kind": ("a", "b"), "layers": LAYERS}, num_points=3, seed=0), 100)
    cells = [tuple(draw.values()) for draw in found]
    assert sorted(cells) == sorted(itertools.product(["0.0", "0.25", "0.5"], ["a", "b"], ["1", "2", "4"]))
    assert cells != sorted(cells)


def test_a_grid_of_an_interval_of_logarithms_is_even_in_them() -> None:
    found = draws(Grid({"rate": RATE}, num_points=4, seed=0), 10)
    assert sorted(float(draw["rate"]) for draw in found) == [0.0001, 0.001, 0.01, 0.1]


def test_a_grid_too_large_to_be_listed_is_refused() -> None:
    with pytest.raises(UserError, match="more than 1,000,000 combinations"):
        Grid({str(key): tuple("0123456789") for key in range(7)}, num_points=3, seed=0)


def test_tpe_makes_the_trials_of_a_study_of_optuna_s_own() -> None:
    def value(rate: float, layers: int, kind: str) -> float:
        return (math.log10(rate) + 2) ** 2 + layers + "abc".index(kind)

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        trial.suggest_float("share", 0.0, 0.5)
        return value(rate, trial.suggest_int("layers", 1, 4), trial.suggest_categorical("kind", ("a", "b", "c")))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=5))
    study.optimize(objective, n_trials=25)
    ours = TPE(SPACE, seed=5)
    for theirs in study.trials:
        draw = ours.ask()
        assert draw["kind"] == theirs.params["kind"]
        assert int(draw["layers"]) == theirs.params["layers"]
        assert float(draw["rate"]) == pytest.approx(theirs.params["rate"], rel=1e-3)
        ours.tell(value(theirs.params["rate"], theirs.params["layers"], theirs.params["kind"]))


def test_tpe_keeps_away_from_trials_without_a_value() -> None:
    ours, kinds = TPE({"kind": ("good", "bad")}, seed=0), []
    for _ in range(60):
        draw = ours.ask()
        kinds.append(draw["kind"])
        ours.tell(1.0 if draw["kind"] == "good" else None)
    assert kinds[:20].count("bad") > 3
    assert kinds[-30:].count("bad") <= 6


def test_without_anything_to_search_there_is_one_trial() -> None:
    for kind in ("random", "grid", "tpe"):
        assert draws(searcher(TuneSettings(searcher=kind), {}, "uniform", seed=0), 5) == [{}]  # type: ignore[arg-type]


def test_numbers_are_written_in_four_digits_within_the_interval() -> None:
    assert written(0.00123456, RATE) == "0.001235"
    assert written(0.49999999, SHARE) == "0.5"
    assert written(1.23446e-4, Interval(1.23446e-4, 1, True, False)) == "0.000123446"
    assert written(4.4, LAYERS) == "4"
