"""A model writes replies to prompts of the training text, and they are judged."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.common.errors import NothingToLearn, UserError
from harness.common.results_folder import ResultsFolder
from harness.common.seeds import seed_of
from harness.completion.reward import Material, Reply, weighted_sum
from harness.config.identity import content_hash
from harness.ratings.halves import is_for_ratings
from harness.scoring.likelihood import document_logprobs, nats
from harness.training.post.best_of_n import best_of_n
from harness.training.post.gaming import forms, longest_known, signs_of_gaming
from harness.training.post.pair_writing import Author, pairs_by
from harness.training.post.prompts import Asked, Prompts
from harness.training.post.rollouts import cost_of_writing, is_cut, write
from harness.training.post.stage import Bench
from harness.training.post.writing_stage import WritingStage
from harness.training.spent import Spent
from models.language_model import LanguageModel

_PROMPTS_TO_STANDARDISE = 64
_TARGETS = 512
_MOST_CUT = 0.95
_FEWEST_REWARDS = 2


class Writer:
    """Prompts, replies to them, and their standardised rewards."""

    def __init__(self, stage: WritingStage, bench: Bench, reference: LanguageModel, prompts: Prompts) -> None:
        """reference: the model before the stage. Its replies standardise the reward. UserError where nothing can be
        learnt from them."""
        self.stage, self.bench, self.reference, self.prompts = stage, bench, reference, prompts
        self.material = material(stage, bench, reference)
        prepared = {name: reward.prepared(self.material) for name, reward in stage.rewards.items()}
        self.rewards = {name: each.reward for name, each in prepared.items()}
        self.facts: dict[str, Any] = {name: dict(each.facts) for name, each in prepared.items() if each.facts}
        """What the record says of rewards that were made."""
        self._gold = next((each.gold for each in prepared.values() if each.gold is not None), None)
        started = time.perf_counter()
        asked = prompts.take(0, _PROMPTS_TO_STANDARDISE)
        replies = self.write(reference, asked, "standard")
        self._refuse_cut(replies)
        rewards = weighted_sum(self.rewards, replies)
        self.mean, self.deviation = self._standard(rewards)
        self._longest = longest_known(replies)
        self._targets = [one.target for one in prompts.take(0, _TARGETS) if one.target is not None]
        self.facts |= {f"{name}_before": value for name, value in forms(replies, self._targets, self._longest).items()}
        gold = self._golds(replies)
        if gold:
            self.facts |= {"gold_before": float(np.mean(gold)), "gold_deviation_before": float(np.std(gold, ddof=1))}
        known = [reward for reward in rewards if reward is not None]
        if len(known) == len(rewards):
            self.facts["best_of_n"] = best_of_n(known, gold or None, stage.replies_per_prompt)
        self.spent = self.cost(reference, asked, replies)
        """What the reference's replies cost, and making the rewards."""
        self.spent.seconds = time.perf_counter() - started
        for each in prepared.values():
            self.spent += Spent(**dict[str, Any](each.spent))

    def write(self, model: LanguageModel, asked: Sequence[Asked], *step: object) -> list[Reply]:
        """Replies to each prompt, a group after another; their random draws follow from the step."""
        each = self.each(asked)
        seeds = [seed_of("reply", self.bench.name, self.bench.seed, *step, number) for number in range(len(each))]
        return write(model, self.bench.tokenizer, each, self.stage.max_new_tokens, seeds)

    def prompts_of(self, step: int) -> list[Asked]:
        """The prompts of a step, the shortest first."""
        count = self.stage.prompts_per_step
        return sorted(self.prompts.take(step * count, count), key=lambda asked: len(asked.tokens))

    def each(self, asked: Sequence[Asked]) -> list[Asked]:
        """The prompt of each reply."""
        return [prompt for prompt in asked for _ in range(self.stage.replies_per_prompt)]

    def judge(self, replies: Sequence[Reply]) -> tuple[list[float | None], Tensor]:
        """(the sum of the rewards of each reply, (B,) float32 standardised); None, and NaN, where none is known."""
        rewards = weighted_sum(self.rewards, replies)
        known = torch.tensor([math.nan if reward is None else reward for reward in rewards], dtype=torch.float64)
        standardised = ((known - self.mean) / self.deviation).float()
        if self.stage.cut_reward is not None:
            cut = torch.tensor([is_cut(reply.completion) for reply in replies])
            standardised = torch.where(cut, self.stage.cut_reward, standardised)
        return rewards, standardised

    def mean_gold(self, replies: Sequence[Reply]) -> dict[str, float]:
        """{'gold': how good replies really are}, to be written down; empty where nobody knows."""
        gold = self._golds(replies)
        return {"gold": float(np.mean(gold))} if gold else {}

    def _golds(self, replies: Sequence[Reply]) -> list[float]:
        return [] if self._gold is None else [self._gold(reply) for reply in replies]

    def cost(self, model: LanguageModel, asked: Sequence[Asked], replies: Sequence[Reply]) -> Spent:
        """Of writing these replies, without seconds."""
        return cost_of_writing(model, self.each(asked), replies)

    def outcome(self, model: LanguageModel) -> tuple[dict[str, Any], Spent]:
        """What a stage came to: the mean reward before and after it, and of the replies after it the KL from the
        reference in nats a reply, the length and the share that is cut; what got worse while the reward rose; and what
        that cost."""
        started = time.perf_counter()
        asked = self.prompts.take(0, _PROMPTS_TO_STANDARDISE)
        replies = self.write(model, asked, "outcome")
        moved = torch.tensor([sum(reply.completion.logprobs) for reply in replies], dtype=torch.float64)
        moved -= self.reply_logprobs(self.reference, self.each(asked), replies)
        known = [reward for reward in weighted_sum(self.rewards, replies) if reward is not None]
        spent = self.cost(model, asked, replies)
        spent.seconds = time.perf_counter() - started
        after = {**self.mean_gold(replies), **forms(replies, self._targets, self._longest)}
        facts = {
            **self.facts,
            **{f"{name}_after": value for name, value in after.items()},
            "reward_before": self.mean,
            "reward_deviation_before": self.deviation,
            "reward_after": sum(known) / len(known) if known else math.nan,
            "kl_nats_after": float(moved.mean()),
            "reply_tokens_after": spent.written_tokens / len(replies),
            "cut_replies_after": sum(is_cut(reply.completion) for reply in replies) / len(replies),
        }
        return {**facts, "gamed": signs_of_gaming(facts, len(replies))}, spent

    def reply_logprobs(self, model: LanguageModel, asked: Sequence[Asked], replies: Sequence[Reply]) -> Tensor:
        """(B,) float64: the log-probability of each reply after its prompt under any model."""
        texts = [
            np.concatenate([prompt.tokens, np.array(reply.completion.tokens, np.int64)])
            for prompt, reply in zip(asked, replies, strict=True)
        ]
        scored = document_logprobs(model, texts)
        sums = [-nats(row[len(prompt.tokens) :]) for row, prompt in zip(scored, asked, strict=True)]
        return torch.tensor(sums, dtype=torch.float64)

    def _refuse_cut(self, replies: Sequence[Reply]) -> None:
        """UserError where nearly all replies are cut."""
        name, share = self.bench.name, sum(is_cut(reply.completion) for reply in replies) / len(replies)
        if self.stage.cut_reward is not None and share > _MOST_CUT:
            raise NothingToLearn(
                f"{100 * share:.0f} % of the replies are cut after {self.stage.max_new_tokens} tokens before they hand "
                f"over, so {name} has nothing to learn from. Put sft before it, as post=[sft,{name}], or raise "
                f"post.{name}.max_new_tokens."
            )

    def _standard(self, rewards: Sequence[float | None]) -> tuple[float, float]:
        """The mean and the standard deviation of rewards. UserError where they are missing, or all the same."""
        known = torch.tensor([reward for reward in rewards if reward is not None], dtype=torch.float64)
        name, names = self.bench.name, ", ".join(self.stage.rewards)
        if len(known) < _FEWEST_REWARDS:
            raise NothingToLearn(
                f"rewards=[{names}] can't say anything of replies to {self.stage.prompts} of data="
                f"{self.bench.corpus.name}. Pick another reward, or other prompts (post.{name}.prompts)."
            )
        deviation = float(known.std())
        if deviation == 0:
            raise NothingToLearn(
                f"all {len(known)} replies that were tried get the same from rewards=[{names}]: {float(known[0]):g}. "
                f"So {name} has nothing to learn from. Pick another reward, or a model that sometimes does better."
            )
        return float(known.mean()), deviation


def material(stage: WritingStage, bench: Bench, reference: LanguageModel) -> Material:
    """What rewards can be made of before a stage."""
    asked = (stage.prompts, stage.max_history_turns, stage.max_new_tokens)

    def write_pairs(num_pairs: int) -> tuple[list[tuple[str, Reply, Reply]], Mapping[str, float]]:
        author = Author(reference, bench.tokenizer, stage.max_new_tokens, bench.seed)
        pairs, spent = pairs_by(author, prompts_for(stage, reference, bench, for_ratings=True), num_pairs)
        return [(pair.asked.cluster, pair.one, pair.other) for pair in pairs], asdict(spent)

    return Material(
        fit_id=bench.before,
        writer_id=content_hash([bench.before, bench.seed, *asked]),
        model=reference,
        tokenizer=bench.tokenizer,
        corpus=bench.corpus,
        seed=bench.seed,
        results=ResultsFolder.around(bench.folder),
        write_pairs=write_pairs,
        say=bench.say,
    )


def prompts_for(stage: WritingStage, model: LanguageModel, bench: Bench, for_ratings: bool = False) -> Prompts:
    """What is asked: by a stage whose reward is made of ratings in one half of the training text, and for these ratings
    in the other. Prompt and reply fit into the model's window. UserError where there is nothing to ask."""
    window, name = model.window_length, bench.name
    if (why := stage.why_no_room(window, name)) is not None:
        raise UserError(f"{why}.")
    most_tokens = None if window is None else stage.most_prompt_tokens(window)
    has_halves = any(reward.is_made_of_ratings for reward in stage.rewards.values())

    def asks(cluster: str) -> bool:
        return is_for_ratings(cluster) if for_ratings else not (has_halves and is_for_ratings(cluster))

    turns, seed = stage.max_history_turns, bench.seed
    prompts = Prompts(bench.corpus, stage.prompts, turns, bench.tokenizer, most_tokens, seed, asks)
    if not prompts.take(0, 1):
        other = "sums" if stage.prompts == "conversations" else "conversations"
        raise UserError(
            f"{name} asks {stage.prompts} of the training text, but data={bench.corpus.name} has none that fit into "
            f"the model's window. Pick other data, or post.{name}.prompts={other}."
        )
    return prompts
