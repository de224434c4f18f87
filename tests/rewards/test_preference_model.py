"""The reward that is made of ratings: made before a stage, shared, recorded, and found again for decoding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.completion.reward import FinishedFit, Prepared
from harness.preferences.ngram_logistic import NGramLogistic
from harness.ratings.bank import Bank
from harness.ratings.simulated import RaterOptions, Simulated
from harness.ratings.source import RatedBank
from rewards.preference_model import PreferenceModel
from tests.harness.ratings.made import material, world
from tests.harness.training.post.made import made, wanted
from tests.rewards.replies import reply

SAID = [
    (f"say cat {n % 7}", f"the cat sat {'on the mat ' * (n % 5)}{n * 'x'}", f"the cat zork {'q ' * n}")
    for n in range(80)
]
REWARD = PreferenceModel(
    ratings=Simulated(num_pairs=80, rater=RaterOptions(agreement=0.9)),
    preference=NGramLogistic(longest=2, strengths=(0.1,)),
    weight=2.0,
)


def prepared(folder: Path, reward: PreferenceModel = REWARD) -> Prepared:
    return reward.prepared(material(folder, SAID))


def test_it_scores_by_a_model_of_ratings_and_says_what_that_cost(tmp_path: Path) -> None:
    made_of = prepared(tmp_path)
    replies = [reply("the cat sat on the mat", "\n\n"), reply("q q q", "\n\n")]
    good, bad = made_of.reward.score_all(replies)
    assert good is not None
    assert bad is not None
    assert good > bad
    assert made_of.reward.score(replies[0]) == good
    assert made_of.reward.weight == 2.0
    assert (made_of.spent["ratings"], made_of.spent["episodes"]) == (80, 160)
    assert made_of.spent["seconds"] > 0
    assert {"accuracy", "brier", "ece", "bayes_accuracy", "longer_wins", "id", "bank"} <= made_of.facts.keys()


def test_two_stages_share_what_was_made(tmp_path: Path) -> None:
    first, second = prepared(tmp_path), prepared(tmp_path)
    assert (first.facts, first.spent) == (second.facts, second.spent)


def test_ratings_that_people_made_are_taken_from_their_bank(tmp_path: Path) -> None:
    ratings, _ = world(100)
    Bank(tmp_path / "ratings" / "mine").write(ratings, {}, {})
    of_people = RatedBank(name="mine", folder=str(tmp_path / "ratings"))
    made_of = prepared(tmp_path, PreferenceModel(ratings=of_people, preference=REWARD.preference))
    assert made_of.facts["bank"] == "mine"
    assert "bayes_accuracy" not in made_of.facts
    assert made_of.spent["ratings"] == 100
    assert "episodes" not in made_of.spent


def test_before_it_is_made_it_says_what_to_do(tmp_path: Path) -> None:
    of = material(tmp_path, [])
    for score in (
        lambda: REWARD.score(reply("a")),
        lambda: REWARD.of_fit(FinishedFit(of.model, of.tokenizer, [{"stage": "sft"}], of.results)),
    ):
        with pytest.raises(UserError, match=r"a stage of post-training made, and there is none here. Make one, as"):
            score()


def test_a_search_finds_what_a_stage_of_the_fit_made(tmp_path: Path) -> None:
    of, made_of = material(tmp_path, SAID), prepared(tmp_path)
    stages = [{"stage": "rloo", "preference_model": dict(made_of.facts)}, {"stage": "sft"}]
    found = REWARD.of_fit(FinishedFit(of.model, of.tokenizer, stages, of.results))
    replies = [reply("the cat sat", "\n\n"), reply("q q", "\n\n")]
    assert found.score_all(replies) == made_of.reward.score_all(replies)
    other = PreferenceModel(ratings=REWARD.ratings, preference=NGramLogistic(longest=3))
    with pytest.raises(UserError, match="other options"):
        other.of_fit(FinishedFit(of.model, of.tokenizer, stages, of.results))


STAGE = [
    "model=ngram",
    "model.order=3",
    "budget.tokens=1000000",
    "post=[reward_weighted]",
    "rewards=[preference_model]",
]
STAGE += [
    "ratings.num_pairs=100",
    "preference.longest=2",
    "preference.strengths=[0.01]",
    "post.reward_weighted.rounds=1",
]
STAGE += ["post.reward_weighted.budget.episodes=1024", "post.reward_weighted.max_new_tokens=40"]


def test_a_stage_raises_it_and_the_record_has_its_quality_and_its_cost(tmp_path: Path) -> None:
    fit = made(tmp_path, *STAGE)
    [stage] = fit.facts["stages"]
    of_model = stage["preference_model"]
    assert of_model["held_out"] > 0
    assert 0 < of_model["bayes_accuracy"] <= 1
    assert stage["spent"]["ratings"] == of_model["learnt"] + of_model["held_out"]
    assert stage["spent"]["episodes"] > 1024 + 2 * stage["spent"]["ratings"] - 1
    assert stage["reward_after"] > stage["reward_before"]
    assert 0 <= stage["gold_before"] <= 1
    assert 0 <= stage["gold_after"] <= 1
    assert stage["gold_deviation_before"] > 0
    assert fit.curve()["gold"].between(0, 1).all()
    bank = Bank(tmp_path / "ratings" / of_model["bank"])
    asked = {rating.pair.prompt for rating in bank.ratings()}
    assert len(asked) > 50
    json.dumps(stage)
    another = made(tmp_path, *STAGE, "post.reward_weighted.beta=0.6")
    assert another.facts["stages"][0]["preference_model"]["bank"] == of_model["bank"]
    assert another.id != fit.id


def test_other_ratings_or_another_preference_model_make_another_fit() -> None:
    from harness.training.fits import fit_id
    from tests.harness.training.post.made import corpus

    changes = ([], ["ratings.num_pairs=160"], ["ratings.rater.flips=0.1"], ["preference=log_ratio"])
    without = [each for each in STAGE if not each.startswith("preference.")]
    assert len({fit_id(wanted(*without, *change), corpus()) for change in changes}) == 4
