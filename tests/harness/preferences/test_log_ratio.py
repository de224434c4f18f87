"""Two n-gram models as a classifier: against counting by hand, and in a world where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from harness.common.errors import UserError
from harness.preferences.log_ratio import Alphabet, LogRatio, LogRatioModel
from harness.preferences.quality import predicted_by, quality
from models.settings.gru import GRUConfig
from models.settings.ngram import NGramConfig
from models.settings.unigram import UnigramConfig
from tests.harness.preferences.test_preference import NOTHING
from tests.harness.ratings.made import rating, world, written

UNIGRAM = NGramConfig(order=1, smoothing="add_k", pseudo_count=1.0)


def test_a_reply_is_its_characters_and_how_it_ended() -> None:
    alphabet = Alphabet("ab")
    assert alphabet.ids(written("ab?", stop_text="")) == [3, 4, 2, 1, 0]
    assert alphabet.ids(written("ba", stop_text="a")) == [4, 3, 3, 0]
    assert alphabet.size == 5


def test_its_score_is_the_ratio_of_two_counts() -> None:
    """Unigrams with one added to every count, by hand: of 6 kinds of tokens."""
    ratings = [rating("aa", "b", cluster=f"c{n}") for n in range(8)]
    model = LogRatio(model=UNIGRAM).fit(ratings, NOTHING)
    assert isinstance(model, LogRatioModel)
    assert model.alphabet.characters == ["\n", "a", "b"]
    # 6 replies are counted, 2 choose the scale; each has two line breaks, its letters, and its end
    preferred = {"\n": 13 / 36, "a": 13 / 36, "b": 1 / 36, "end": 7 / 36}
    rejected = {"\n": 13 / 30, "a": 1 / 30, "b": 7 / 30, "end": 7 / 30}
    text = ["a", "b", "b", "\n", "\n", "end"]
    expected = sum(np.log(preferred[each]) - np.log(rejected[each]) for each in text)
    assert model.scores([""], [written("abb")])[0] == pytest.approx(model.scale * expected, rel=1e-5)


def test_in_a_known_world_it_predicts_and_is_calibrated() -> None:
    model = LogRatio(model=NGramConfig(order=1, smoothing="witten_bell")).fit(world(2000)[0], NOTHING)
    fresh, gold = world(2000, seed=9)
    prompts = [""] * len(fresh)
    scores = [model.scores(prompts, [getattr(r.pair, side) for r in fresh]) for side in ("a", "b")]
    told = quality(predicted_by(*scores), fresh)
    best = quality(np.array([gold[r.pair.id].p for r in fresh]), fresh)
    assert told.accuracy.value is not None
    assert best.accuracy.value is not None
    assert told.accuracy.value > best.accuracy.value - 0.05
    assert told.ece <= 0.05


def test_it_comes_back_from_what_is_saved() -> None:
    settings = LogRatio(model=NGramConfig(order=3, smoothing="witten_bell"))
    model = settings.fit(world(80)[0], NOTHING)
    again = settings.loaded(model.tensors(), model.described(), NOTHING)
    replies = [written("abba"), written("xyz", stop_text=""), written("")]
    assert again.scores([""] * 3, replies).tolist() == model.scores([""] * 3, replies).tolist()


def test_families_that_don_t_count_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model=gru doesn't count.*model@preference.model=ngram"):
        LogRatio(model=GRUConfig())


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(UserError, match="gives no probabilities"):
        LogRatio(model=NGramConfig(order=2, smoothing="stupid_backoff")).fit(world(80)[0], NOTHING)


def test_one_conversation_can_t_be_counted_and_left_out() -> None:
    with pytest.raises(UserError, match="about one conversation"):
        LogRatio(model=UnigramConfig()).fit([rating("aa", "b")] * 5, NOTHING)
