"""What a bank says of its raters and writers, against scikit-learn, an exact optimiser and hand counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import cohen_kappa_score

from harness.ratings.agreement import agreement, longer_wins
from harness.ratings.rating import P_OF_CHOICE, Choice
from tests.harness.ratings.made import rating


def test_raters_ties_and_skips_are_counted() -> None:
    told = agreement(
        [rating("x1"), rating("x2", choice="tie"), rating("x3", choice="skip", rater="bert"), rating("x4")]
    )
    assert (dict(told.raters), told.num_ties, told.num_skips, told.num_clusters) == ({"anna": 3}, 1, 1, 1)


def test_a_rater_agrees_with_herself() -> None:
    choices: list[tuple[Choice, Choice]] = [("a", "a"), ("b", "b"), ("tie", "a"), ("a", "b")]
    ratings = []
    for number, (before, again) in enumerate(choices):
        first = rating(f"x{number}", choice=before, cluster=f"c{number}")
        ratings += [first, replace(first, choice=again, p=P_OF_CHOICE[again], shown_first="b", is_repeat=True)]
    told = agreement(ratings)
    assert (told.self_agreement.value, told.self_agreement.n) == (0.5, 4)
    assert told.raters == {"anna": 8}


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    one: list[Choice] = [str(each) for each in rng.choice(["a", "b", "tie"], size=40)]  # type: ignore[misc]
    other: list[Choice] = [c if rng.random() < 0.6 else "a" for c in one]
    ratings = [rating(f"x{n}", choice=choice, rater="anna") for n, choice in enumerate(one)]
    ratings += [rating(f"x{n}", choice=choice, rater="bert") for n, choice in enumerate(other)]
    ratings += [rating("y", rater="bert")]  # anna didn't rate it
    kappa, number = agreement(ratings).kappas["anna", "bert"]
    assert number == 40
    assert kappa == pytest.approx(cohen_kappa_score(one, other))


def test_kappa_by_hand() -> None:
    """Of 50 pairs both say a to 20 and b to 15, one a and the other b to 5, and the other way round to 10."""
    both: list[tuple[Choice, Choice]] = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    ratings = [
        rating(f"x{n}", choice=choice, rater=rater)
        for n, choices in enumerate(both)
        for rater, choice in zip(("anna", "bert"), choices, strict=True)
    ]
    assert agreement(ratings).kappas["anna", "bert"] == (pytest.approx(0.4), 50)


def test_raters_who_only_know_one_answer_have_no_kappa() -> None:
    ratings = [rating(f"x{n}", rater=rater) for n in range(3) for rater in ("anna", "bert")]
    assert agreement(ratings).kappas == {("anna", "bert"): (None, 3)}


def test_the_place_and_the_length_are_counted_by_hand() -> None:
    ratings = [
        rating("long", "no", "a", first="a"),
        rating("no", "longer", "a", first="b"),
        rating("same", "also", "b", first="b"),
        rating("x", "yy", "tie", first="b"),
    ]
    told = agreement(ratings)
    assert told.first_chosen.value == pytest.approx(2 / 3)
    assert told.longer_wins.value == pytest.approx((1 + 0 + 0.5) / 3)
    assert longer_wins(ratings) == told.longer_wins


def test_writers_have_the_strengths_of_an_exact_optimiser() -> None:
    rng = np.random.default_rng(3)
    true = {"v": 1.0, "w": 0.0, "x": -1.0}
    ratings = []
    for n in range(300):
        one, other = rng.choice(list(true), size=2, replace=False)
        choice: Choice = "a" if rng.random() < 1 / (1 + np.exp(true[other] - true[one])) else "b"
        ratings.append(rating(f"x{n}", choice=choice, writers=(str(one), str(other)), cluster=f"c{n // 3}"))
    told = agreement(ratings).writers

    def loss(strengths: np.ndarray) -> float:
        place = {name: number for number, name in enumerate(true)}
        leads = [strengths[place[r.pair.a.writer]] - strengths[place[r.pair.b.writer]] for r in ratings]
        signed = np.array([lead if r.choice == "a" else -lead for lead, r in zip(leads, ratings, strict=True)])
        prior = sum(0.5 * np.logaddexp(0, strengths[i] - strengths[j]) for i in range(3) for j in range(3) if i != j)
        return float(np.logaddexp(0, -signed).sum() + prior)

    exact = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-9}).x
    exact -= exact.mean()
    assert list(told) == ["v", "w", "x"]
    for estimate, expected, name in zip(told.values(), exact, true, strict=True):
        assert estimate.value == pytest.approx(expected, abs=1e-4)
        assert estimate.ci_low is not None
        assert estimate.ci_high is not None
        assert estimate.ci_low < true[name] < estimate.ci_high


def test_one_writer_and_very_many_have_no_strengths() -> None:
    assert agreement([rating("x", writers=("w", "w"))]).writers == {}
    assert agreement([rating(f"x{n}", writers=(f"w{n}", "v")) for n in range(30)]).writers == {}
    few = agreement([rating("x1"), rating("x2")]).writers
    assert [estimate.ci_low for estimate in few.values()] == [None, None]


def test_a_bank_of_skips_says_nothing() -> None:
    told = agreement([rating(choice="skip")])
    assert (told.raters, told.first_chosen.value, told.writers) == ({}, None, {})
