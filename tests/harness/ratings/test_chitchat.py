"""The human ratings in chitchat-dataset, and what is known of them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from harness.ratings import chitchat
from harness.ratings.agreement import longer_wins
from harness.ratings.chitchat import Chitchat, RatedConversation, compared, rated_conversations
from harness.ratings.halves import is_for_ratings
from harness.text.data.corpus import Corpus, Document
from tests.harness.ratings.made import material


@functools.cache
def known() -> list[RatedConversation]:
    return list(rated_conversations())


def test_most_conversations_of_two_people_are_rated() -> None:
    assert 3_600 < len(known()) < 3_800
    ratings = np.array([one.rating for one in known()])
    assert (ratings.min(), ratings.max()) == (1, 10)
    moved = ratings[ratings != 5]  # the others were left at 5, 5 and 5
    assert 2_300 < len(moved) < 2_400
    assert np.quantile(moved, [0.25, 0.5, 0.75]) == pytest.approx([20 / 3, 25 / 3, 10])


def test_of_pairs_that_differ_by_one_the_longer_wins_in_72_6_percent() -> None:
    """Over all pairs, counted apart from our code, labels and all; and in our sample within its error."""
    lengths, ratings = np.array([[len(one.text), one.rating] for one in known()]).T
    higher = ratings[:, None] - ratings >= 1
    longer = np.sign(lengths[:, None] - lengths)
    over_all = float((0.5 + 0.5 * longer)[higher].mean())
    assert over_all == pytest.approx(0.726, abs=0.003)
    sampled = longer_wins(compared(known(), 1.0, seed=0))
    assert sampled.value is not None
    assert sampled.stderr is not None
    assert abs(sampled.value - 0.726) < 3 * sampled.stderr


def conversations(number: int) -> list[RatedConversation]:
    return [RatedConversation(f"c{n}", f"text {n}", float(n % 10)) for n in range(number)]


def test_the_better_rated_wins_and_no_conversation_is_in_two_clusters() -> None:
    ratings = compared(conversations(100), 2.0, seed=0)
    by_id = {one.id: one for one in conversations(100)}
    clusters: dict[str, set[str]] = {}
    for each in ratings:
        a, b = by_id[each.pair.a.writer], by_id[each.pair.b.writer]
        assert abs(a.rating - b.rating) >= 2
        assert (each.choice == "a") == (a.rating > b.rating)
        for side in (each.pair.a, each.pair.b):
            clusters.setdefault(side.writer, set()).add(each.pair.cluster)
    assert all(len(of_one) == 1 for of_one in clusters.values())
    assert {each.choice for each in ratings} == {"a", "b"}
    assert compared(conversations(100), 2.0, seed=0, most=7) == ratings[:7]


def test_a_stage_learns_from_ratings_of_what_it_doesn_t_ask_and_nobody_tests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chitchat, "rated_conversations", lambda form: known())
    ids = [one.id for one in known()[:200]]
    train, test = ids[:100], ids[100:]
    documents = [Document(f"{name}/0", "x\n", "chat", f"chat/{name}") for name in (*train, *test)]
    of = material(tmp_path, [])
    corpus = Corpus("mixture", tuple(documents[:100]), (), tuple(documents[100:]))
    bank = Chitchat(num_pairs=500).bank(type(of)(**{**vars(of), "corpus": corpus}))
    told = {side.writer for each in bank.ratings() for side in (each.pair.a, each.pair.b)}
    assert not told & set(test)
    assert all(is_for_ratings(f"chat/{name}") for name in told & set(train))
    assert len(bank.ratings()) == 500
    assert not bank.gold()


@pytest.mark.parametrize("wrong", [{"least_difference": 0.0}, {"least_difference": 10.0}, {"num_pairs": 1}])
def test_impossible_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        Chitchat(**wrong)  # type: ignore[arg-type]
