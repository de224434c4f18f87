"""A conversation is for ratings or for stages, and held out or not: always the same, in the stated shares."""

from __future__ import annotations

from scipy.stats import chi2_contingency

from harness.ratings.halves import is_for_ratings, is_held_out

CLUSTERS = [f"chat/{number}" for number in range(4000)]


def test_half_of_all_conversations_is_for_ratings_and_a_fifth_of_these_is_held_out() -> None:
    rated = [cluster for cluster in CLUSTERS if is_for_ratings(cluster)]
    assert abs(len(rated) / len(CLUSTERS) - 0.5) < 0.04
    assert abs(sum(map(is_held_out, rated)) / len(rated) - 0.2) < 0.04


def test_the_two_splits_have_nothing_to_do_with_one_another() -> None:
    table = [[0, 0], [0, 0]]
    for cluster in CLUSTERS:
        table[is_for_ratings(cluster)][is_held_out(cluster)] += 1
    assert chi2_contingency(table).pvalue > 0.01


def test_they_are_the_same_in_every_process() -> None:
    assert [is_for_ratings(name) for name in CLUSTERS[:8]] == [is_for_ratings(name) for name in CLUSTERS[:8]]
