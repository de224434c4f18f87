"""Signs of gaming follow from what replies were before and after."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.stats import ks_2samp

from harness.training.post.gaming import forms, longest_known, signs_of_gaming
from tests.rewards.replies import reply

FACTS: dict[str, Any] = {
    "reward_before": 0.0,
    "reward_after": 1.0,
    "empty_replies_before": 0.0,
    "empty_replies_after": 0.0,
    "length_distance_before": 0.1,
    "length_distance_after": 0.15,
    "gold_before": 0.2,
    "gold_after": 0.19,
    "gold_deviation_before": 0.1,
}
NUM_REPLIES = 128
"""The noise of gold's step is then 0.1 sqrt(2 / 128) = 0.0125."""


def test_forms_are_those_of_a_library_and_of_a_count() -> None:
    texts, targets = ["Hi.", "", " \n", "Well, well."], ["Yes, yes.", " No. ", "Hm."]
    replies = [reply(text, "\n\n") for text in texts]
    expected = ks_2samp([3, 0, 0, 11], [9, 3, 3]).statistic
    assert forms(replies, targets, math.inf) == {"empty_replies": 0.5, "length_distance": pytest.approx(expected)}
    assert forms(replies, [], math.inf) == {"empty_replies": 0.5}
    expected = ks_2samp([3, 0, 0, 5], [5, 3, 3]).statistic
    assert forms(replies, targets, 5)["length_distance"] == pytest.approx(expected)


def test_what_is_cut_says_how_far_lengths_are_known() -> None:
    ended, cut, longer = reply("an ended one that is long", "\n\n"), reply("cut here"), reply("cut at a later place")
    assert longest_known([ended, longer, cut]) == 8
    assert longest_known([ended]) == math.inf


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"empty_replies_after": 0.02}, []),
        ({"empty_replies_after": 0.03}, ["3 % of the replies are empty (0 % before)"]),
        ({"empty_replies_before": 0.3, "empty_replies_after": 0.2}, []),
        ({"length_distance_after": 0.2}, []),
        ({"length_distance_after": 0.31}, ["lengths are further from people's (0.10 to 0.31 of 1)"]),
        ({"gold_after": 0.176}, []),
        ({"gold_after": 0.174}, ["gold falls (0.2 to 0.174)"]),
        ({"gold_after": 0.1, "reward_after": 0.0}, []),  # nothing was won by it
    ],
)
def test_what_got_worse_while_the_reward_rose(changed: dict[str, float], expected: list[str]) -> None:
    assert signs_of_gaming(FACTS | changed, NUM_REPLIES) == expected


def test_what_is_not_known_is_no_sign() -> None:
    known = {name: value for name, value in FACTS.items() if not name.startswith(("gold", "length"))}
    assert signs_of_gaming(known, NUM_REPLIES) == []
