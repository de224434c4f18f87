"""Choosing among several samples: best of n, majority vote, minimum Bayes risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.engine import DecodingStrategy, Engine, Search
from harness.completion.reward import FinishedFit, Reward
from harness.completion.searches.best_of import BestByReward, BestOfN, MajorityVote, MinimumBayesRisk, chrf
from harness.completion.sequence import Completion, Prompt
from harness.plugin_kit.chain import TableModel
from rewards.length import Length
from rewards.right_answer import RightAnswer
from tests.harness.ratings.made import material
from tests.toys import LetterTokenizer

ASKED = Prompt("", 5)


@dataclass(frozen=True, kw_only=True)
class Made(Length):
    """A reward of which a stage made another."""

    def of_fit(self, fit: FinishedFit) -> Reward:
        return Length(weight=self.weight) if "longest" in fit.stages[0] else self


def said(text: str, *logprobs: float) -> Completion:
    return Completion(text, tuple(range(len(logprobs))), logprobs, logprobs, "length", None)


def engine(search: Search, seed: int = 0, batch_size: int = 64) -> Engine:
    generator = torch.Generator().manual_seed(seed)
    model = TableModel(torch.randn(6, 6, generator=generator), 5)
    return Engine(model, LetterTokenizer(5), DecodingStrategy(Draw(), {}, search), batch_size)


@given(st.text("abcd e\n", max_size=25), st.text("abcd e\n", max_size=25))
def test_chrf_is_sacrebleu_s(candidate: str, meant: str) -> None:
    if not candidate.split() or not meant.split():
        return
    theirs = CHRF(eps_smoothing=False).sentence_score(candidate, [meant]).score / 100
    assert chrf(candidate, meant) == pytest.approx(theirs, abs=1e-9)


def test_only_the_empty_text_is_like_the_empty_text() -> None:
    assert chrf("", "") == chrf(" ", "\n") == 1.0
    assert chrf("", "a") == chrf("a", "") == 0.0


@pytest.mark.parametrize(
    ("scorer", "best"), [("likelihood", 1), ("likelihood_per_token", 2), ("shortest", 1), ("longest", 0)]
)
def test_best_of_n_takes_what_its_scorer_likes_best(scorer: str, best: int) -> None:
    samples = [said("long", -1.0, -1.0, -1.0, -1.0, -1.0), said("short", -0.9), said("sure", -0.5, -0.5)]
    assert BestOfN(scorer=scorer).choose(ASKED, samples) == best  # type: ignore[arg-type]


def test_the_reward_decides_with_its_weight() -> None:
    samples = [said("long"), said("the longest"), said("short")]
    assert BestByReward(rewards={"length": Length()}).choose(ASKED, samples) == 1
    assert BestByReward(rewards={"length": Length(weight=-1.0)}).choose(ASKED, samples) == 0


@pytest.mark.parametrize("rewards", [{}, {"right_answer": RightAnswer()}])
def test_rewards_that_need_the_right_answer_can_t_choose(rewards: dict[str, Reward]) -> None:
    with pytest.raises(ValueError, match=r"can't tell which sample is best.*rewards=\[hands_back_in_time\]"):
        BestByReward(rewards=rewards)


def test_a_fit_s_own_reward_takes_the_place_of_one_that_a_stage_makes(tmp_path: Path) -> None:
    of, strategy = (
        material(tmp_path, []),
        DecodingStrategy(Draw(), {}, BestByReward(rewards={"made": Made(weight=3.0)})),
    )
    fit = FinishedFit(of.model, of.tokenizer, [{"stage": "rloo", "longest": 1}], of.results)
    search = strategy.of_fit(fit).search
    assert isinstance(search, BestByReward)
    assert search.rewards == {"made": Length(weight=3.0)}
    plain = DecodingStrategy(Draw())
    assert plain.of_fit(fit) == plain


def test_of_equals_the_first_is_taken() -> None:
    for search in (BestOfN(), MajorityVote(), MinimumBayesRisk()):
        assert search.choose(ASKED, [said("1", -0.5), said("1", -0.5)]) == 0


@pytest.mark.parametrize(
    ("answers", "first_of_the_majority"),
    [
        (["it is 5", "I say 7", "7", "maybe 7.0", "5"], 1),
        (["I don't know", "no idea", "3"], 2),
        (["no", "numbers", "at all"], 0),
        (["1", "2", "2", "1"], 0),
        (["25", "5", "-5", "5"], 1),
    ],
)
def test_the_majority_s_number_wins(answers: Sequence[str], first_of_the_majority: int) -> None:
    assert MajorityVote().choose(ASKED, [said(answer, -1.0) for answer in answers]) == first_of_the_majority


def test_texts_can_vote_too() -> None:
    assert MajorityVote(answer="text").choose(ASKED, [said("no"), said(" yes\n"), said("yes")]) == 1


def test_minimum_bayes_risk_takes_what_is_most_like_the_others() -> None:
    samples = [said("something else entirely"), said("the cat sat"), said("the cat sits"), said("the cats sat")]
    utilities = [sum(chrf(sample.text, other.text) for other in samples) for sample in samples]
    assert MinimumBayesRisk().choose(ASKED, samples) == max(range(4), key=utilities.__getitem__) != 0
    assert MinimumBayesRisk(utility="exact").choose(ASKED, [said("a"), said("b"), said("b")]) == 1


@pytest.mark.parametrize("search", [BestOfN(1), MajorityVote(1), MinimumBayesRisk(1)])
def test_one_sample_is_the_plain_strategy(search: Search) -> None:
    prompts = [Prompt("abc"[:n], 8, seed=n) for n in range(4)]
    plain = engine(DecodingStrategy(Greedy()).search).complete(prompts)
    assert engine(search).complete(prompts) == plain


@pytest.mark.parametrize("batch_size", [1, 5, 64])
@pytest.mark.parametrize("search", [BestOfN(4), MajorityVote(4, "text"), MinimumBayesRisk(4)])
def test_the_choice_does_not_depend_on_the_batch(search: Search, batch_size: int) -> None:
    prompts = [Prompt("abcde"[: n % 6], 1 + n % 9, stop=("ca",) if n % 2 else (), seed=n) for n in range(11)]
    alone = [engine(search).complete([prompt])[0] for prompt in prompts]
    heard: list[int] = []
    assert engine(search, batch_size=batch_size).complete(prompts, heard.append) == alone
    assert sum(heard) == len(prompts)


def test_the_best_of_many_is_no_worse_than_one() -> None:
    prompts = [Prompt("a", 10, seed=seed) for seed in range(30)]
    single = engine(BestOfN(1, "likelihood")).complete(prompts)
    many = engine(BestOfN(16, "likelihood")).complete(prompts)
    assert all(sum(b.logprobs) >= sum(a.logprobs) for a, b in zip(single, many, strict=True))
    assert sum(sum(b.logprobs) for b in many) > sum(sum(a.logprobs) for a in single)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="num_samples"):
        BestOfN(0)
