"""Which principle decides a pair is drawn by its weight; ratings say what probabilities say."""

from __future__ import annotations

import collections
import dataclasses
from pathlib import Path

import pytest
from scipy.stats import binomtest

from harness.ratings.constitutional import Constitutional
from rewards.constitution import Constitution, Principle
from rewards.length import Length
from tests.harness.ratings.made import JUDGE, material, pair


def test_choices_say_what_p_says_and_sides_are_drawn(tmp_path: Path) -> None:
    pairs = [pair("apple", "no", number) for number in range(100)] + [pair("no", "yes"), pair("no!", "no")]
    ratings, gold = Constitutional(judge=JUDGE).rate(pairs, material(tmp_path, []))
    assert gold == {}
    assert [each.pair for each in ratings] == pairs
    assert [each.choice for each in ratings[-3:]] == ["a", "tie", "b"]
    first = collections.Counter(each.shown_first for each in ratings)
    assert binomtest(first["a"], 102).pvalue > 0.01
    assert Constitutional(judge=JUDGE).rate(pairs, material(tmp_path, []))[0] == ratings
    other = dataclasses.replace(material(tmp_path, []), seed=1)
    assert Constitutional(judge=JUDGE).rate(pairs, other)[0] != ratings


def test_a_principle_is_drawn_by_its_weight(tmp_path: Path) -> None:
    pairs = [pair("please!", "no", number) for number in range(400)]  # polite, weight 3, against calm, weight 1
    polite = Constitution(principles={name: JUDGE.principles[name] for name in ("polite", "calm")})
    ratings, _ = Constitutional(judge=polite).rate(pairs, material(tmp_path, []))
    assert binomtest(sum(each.p == 1 for each in ratings), 400, 3 / 4).pvalue > 0.01


def test_a_judge_without_principles_is_refused() -> None:
    with pytest.raises(ValueError, match=r"judge=.* made of principles"):
        Constitutional(judge=Length())
    assert Constitutional(judge=Constitution(principles={"x": Principle(matches="x")})).weights == {"x": 1}
