"""How families that count learn weighted replies: they count them, each token as often as its reply weighs.

In each round the model that the round before made writes replies. All replies of all rounds are counted above the model
before the stage (models/adapted.py), but those to every eighth prompt, which choose how much the counts say. So each
round begins anew with more evidence, where families with gradients go on from where they were.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.common.progress import Progress
from harness.completion.reward import Reply
from harness.training.curve import curve_row
from harness.training.post.counting import adapted, changes_nothing
from harness.training.post.prompts import Asked
from harness.training.post.replies_training import validation_for
from harness.training.post.reply_weights import effective, reply_weights
from harness.training.post.stage import Bench, Made
from harness.training.post.weighted_likelihood import WeightedLikelihood
from harness.training.post.writer import Writer, prompts_for
from harness.training.spent import Spent
from models.language_model import LanguageModel

_HELD_OUT_EVERY = 8


class ReplyCounting:
    """The rounds of a stage."""

    def __init__(self, stage: WeightedLikelihood, reference: LanguageModel, writer: Writer) -> None:
        self.stage, self.reference, self.writer = stage, reference, writer
        self.model = reference
        """What the last round made."""
        self.spent = Spent()
        self._counted: tuple[list[NDArray[np.int64]], list[NDArray[np.float64]]] = ([], [])
        self._held_out: tuple[list[NDArray[np.int64]], list[NDArray[np.float64]]] = ([], [])

    def round(self) -> dict[str, float]:
        """Write, weigh and count the replies of a round; what the curve says of it."""
        asked, replies = self._written()
        log_ratios = self._log_ratios(asked, replies)
        raw, rewards = self.writer.judge(replies)
        prompts = [prompt.text for prompt in asked]
        weights = reply_weights(self.stage, prompts, rewards, log_ratios)
        size = self.stage.replies_per_prompt
        for number, (prompt, reply, weight) in enumerate(zip(asked, replies, weights.tolist(), strict=True)):
            documents, of_tokens = self._held_out if number // size % _HELD_OUT_EVERY == 1 else self._counted
            written = np.array(reply.completion.tokens, np.int64)
            documents.append(np.concatenate([prompt.tokens, written]))
            of_tokens.append(np.concatenate([np.zeros(len(prompt.tokens)), np.full(len(written), weight)]))
            self.spent.tokens += len(written)
        self.model = adapted(self.reference, self.stage.adaptation, self._counted, self._held_out)
        known = [reward for reward in raw if reward is not None]
        return {
            "reward": sum(known) / len(known) if known else np.nan,
            "kl_nats": -float(log_ratios.mean()),
            "effective_replies": effective(weights),
            **self.writer.mean_gold(replies),
        }

    def _written(self) -> tuple[list[Asked], list[Reply]]:
        """The replies of a round, and the prompt of each."""
        asked: list[Asked] = []
        replies: list[Reply] = []
        for _ in range(self.stage.steps_per_round):
            prompts = self.writer.prompts_of(self.spent.steps)
            own, written = self.writer.each(prompts), self.writer.write(self.model, prompts, self.spent.steps)
            self.spent += self.writer.cost(self.model, prompts, written)
            self.spent.steps += 1
            asked, replies = asked + own, replies + written
        return asked, replies

    def _log_ratios(self, asked: list[Asked], replies: list[Reply]) -> Tensor:
        """(B,): log p_reference / p_writer of each reply."""
        if self.model is self.reference:
            return torch.zeros(len(replies), dtype=torch.float64)
        written = torch.tensor([sum(reply.completion.logprobs) for reply in replies], dtype=torch.float64)
        return self.writer.reply_logprobs(self.reference, asked, replies) - written


def count_replies(stage: WeightedLikelihood, model: LanguageModel, bench: Bench) -> Made:
    """The model after the stage."""
    validation = validation_for(stage, bench)
    if changes_nothing(model):
        curve = [curve_row(Spent(), validation_bits_per_byte=validation.bits_per_byte(model))]
        return Made(model, Spent(), curve, validation)
    started = time.perf_counter()
    writer = Writer(stage, bench, model, prompts_for(stage, model, bench))
    counting = ReplyCounting(stage, model, writer)
    curve = []
    with Progress("writing and counting", 100, "%") as progress:
        while (fraction := stage.budget.fraction_spent(counting.spent)) < 1:
            progress.advance_to(100 * fraction)
            measures = counting.round()
            counting.spent.seconds = time.perf_counter() - started
            curve.append(curve_row(counting.spent, **measures))
    facts, spent = writer.outcome(counting.model)
    curve[-1]["validation_bits_per_byte"] = validation.bits_per_byte(counting.model)
    return Made(counting.model, counting.spent + writer.spent + spent, curve, validation, facts)
