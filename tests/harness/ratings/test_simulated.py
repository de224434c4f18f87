"""A simulated rater says what its formula says, as often as it says it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest

from harness.common.errors import UserError
from harness.ratings.gold import GoldUtility
from harness.ratings.rating import Pair
from harness.ratings.simulated import RaterOptions, SimulatedRater, rated
from tests.harness.ratings.made import written

DIFFERENCES = np.random.default_rng(0).normal(size=500)
PAIR = Pair("", "one", written("a" * 30, stop_text=""), written("b" * 10, stop_text=""))


@pytest.mark.parametrize("agreement", [0.55, 0.75, 0.9])
@pytest.mark.parametrize("flips", [0.0, 0.15])
def test_it_agrees_with_gold_as_often_as_it_is_asked_to(agreement: float, flips: float) -> None:
    options = RaterOptions(agreement=agreement, flips=flips)
    tau = SimulatedRater.agreeing(options, np.append(DIFFERENCES, 0.0)).tau
    agrees = flips / 2 + (1 - flips) * expit(np.abs(DIFFERENCES) / tau)
    assert agrees.mean() == pytest.approx(agreement, abs=1e-8)


def test_its_probability_is_that_of_the_formula() -> None:
    options = RaterOptions(flips=0.2, length_bias=0.01, position_bias=0.3)
    rater = SimulatedRater(options, tau=0.5)
    lead = (0.7 - 0.4 + 0.01 * 20 - 0.3) / 0.5  # b is shown first
    assert rater.p_better(PAIR, 0.7, 0.4, "b") == pytest.approx(0.1 + 0.8 * expit(lead))
    lead = (0.7 - 0.4 + 0.01 * 20 + 0.3) / 0.5
    assert rater.p_better(PAIR, 0.7, 0.4, "a") == pytest.approx(0.1 + 0.8 * expit(lead))


def test_no_probability_overflows() -> None:
    rater = SimulatedRater(RaterOptions(), tau=1e-9)
    assert [rater.p_better(PAIR, *gold, "a") for gold in ((1, 0), (0, 1))] == pytest.approx([1, 0], abs=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [{"agreement": 0.5}, {"agreement": 1.0}, {"agreement": 0.95, "flips": 0.2}, {"flips": 1.0}, {"flips": -0.1}],
)
def test_an_impossible_rater_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        RaterOptions(**wrong)


def test_where_gold_tells_nothing_apart_there_is_nothing_to_rate() -> None:
    with pytest.raises(UserError, match=r"can't tell the two replies of any of 3 pairs apart.*as after post="):
        SimulatedRater.agreeing(RaterOptions(), np.zeros(3))


GOLD = GoldUtility(frozenset("abcdefgh"), frozenset())


def pairs(number: int) -> list[Pair]:
    """Pairs of replies of single letters as words; those from 'i' on are unknown, so they are worth less."""
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(list("abcdefghijkl"), size=rng.integers(10, 30))) for _ in range(2 * number)]
    return [Pair("", f"c{i}", written(texts[2 * i]), written(texts[2 * i + 1])) for i in range(number)]


def test_it_says_a_as_often_as_its_probabilities_say_and_is_the_same_each_time() -> None:
    asked = pairs(2000)
    ratings, gold = rated(asked, GOLD, RaterOptions(), seed=0)
    expected = sum(gold[each.pair.id].p for each in ratings)
    variance = sum(gold[each.pair.id].p * (1 - gold[each.pair.id].p) for each in ratings)
    said = sum(each.choice == "a" for each in ratings)
    assert abs(said - expected) < 3 * variance**0.5
    right = [
        (each.choice == "a") == (gold[each.pair.id].a > gold[each.pair.id].b)
        for each in ratings
        if _is_clear(gold[each.pair.id])
    ]
    assert binomtest(sum(right), len(right), 0.75).pvalue > 0.01
    assert rated(asked, GOLD, RaterOptions(), seed=0) == (ratings, gold)
    assert rated(asked, GOLD, RaterOptions(), seed=1)[0] != ratings


def _is_clear(gold: object) -> bool:
    return gold.a != gold.b  # type: ignore[attr-defined]


@pytest.mark.parametrize("bias", [{"length_bias": 0.05}, {"position_bias": 1.0}])
def test_a_planted_bias_is_there(bias: dict[str, float]) -> None:
    ratings, _ = rated(pairs(500), GOLD, RaterOptions(**bias), seed=0)
    longer = [(len(r.pair.a.text) > len(r.pair.b.text)) == (r.choice == "a") for r in ratings]
    first = [r.chosen_first == 1 for r in ratings]
    assert np.mean(longer if "length_bias" in bias else first) > 0.65
