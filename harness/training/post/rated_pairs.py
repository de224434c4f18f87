"""Pairs that were rated, as prompts and replies that a model can learn from.

Their texts become tokens of the model that learns, which need not be those with which they were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.common.errors import NothingToLearn
from harness.common.seeds import seed_of
from harness.completion.reward import Material, Reply
from harness.completion.sequence import Completion, Prompt
from harness.ratings.halves import is_held_out
from harness.ratings.rating import Rating, Written
from harness.ratings.source import RatingsSource
from harness.text.tokenizers.tokenizer import OutsideAlphabet, Tokenizer
from harness.training.post.prompts import Asked
from harness.training.post.stage import Bench

RatedPair = tuple[Asked, Reply, Reply, float]
"""What was asked, both replies, and the share of judges that finds the first one better."""


class RatedPairs:
    """The pairs of a bank in random order, each once, and then again. Those that are held out are left out."""

    def __init__(self, source: RatingsSource, of: Material, bench: Bench) -> None:
        """UserError where there is nothing to learn from."""
        bank = source.bank(of)
        ratings = [each for each in bank.ratings() if each.p is not None and not is_held_out(each.pair.cluster)]
        made = [_pair(each, bench.tokenizer, of.model.window_length) for each in ratings]
        self._pairs = [pair for pair in made if pair is not None]
        if all(p == 0.5 for *_, p in self._pairs):
            raise NothingToLearn(
                f"{bench.name} has nothing to learn from the bank {bank.name}: of {len(ratings)} ratings none prefers "
                "a reply and fits into the model's window. Rate more pairs, or raise model.context_length."
            )
        if len(self._pairs) < len(ratings):
            number = len(ratings) - len(self._pairs)
            bench.say(f"{number} of {len(ratings)} rated pairs don't fit this model, and are left out")
        rng = np.random.Generator(np.random.Philox(seed_of("rated pairs", bench.seed)))
        self._order = rng.permutation(len(self._pairs))
        self.spent: Mapping[str, Any] = {**bank.about().get("spent", {}), "ratings": len(ratings)}
        """What making the bank cost, by the names of `Spent`."""

    def take(self, first: int, count: int) -> tuple[list[Asked], list[Reply], Tensor]:
        """So many pairs, from this number on, the shortest prompts first: (the prompt of each reply, the replies, (2
        N,) which share of judges finds each better than the other of its pair)."""
        numbers = [self._order[number % len(self._order)] for number in range(first, first + count)]
        pairs = sorted((self._pairs[number] for number in numbers), key=lambda pair: len(pair[0].tokens))
        asked = [prompt for prompt, *_ in pairs for _ in range(2)]
        replies = [reply for _, one, other, _ in pairs for reply in (one, other)]
        return asked, replies, torch.tensor([share for *_, p in pairs for share in (p, 1 - p)])


def _pair(rating: Rating, tokenizer: Tokenizer, window: int | None) -> RatedPair | None:
    """None where the model can't read it."""
    assert rating.p is not None
    try:
        asked = Asked(rating.pair.prompt, tokenizer.encode(rating.pair.prompt), cluster=rating.pair.cluster)
        one, other = (_reply(asked, each, tokenizer) for each in (rating.pair.a, rating.pair.b))
    except OutsideAlphabet:
        return None
    longest = len(asked.tokens) + max(len(reply.completion.tokens) for reply in (one, other))
    return None if window is not None and longest > window else (asked, one, other, rating.p)


def _reply(asked: Asked, written: Written, tokenizer: Tokenizer) -> Reply:
    """With what ended it: the stop text, or the document's end."""
    tokens = tokenizer.encode(written.whole).tolist()
    ends_document = written.finish_reason == "stop" and written.stop_text is None
    tokens += [tokenizer.start_token] if ends_document or not tokens else []
    completion = Completion(written.text, tuple(tokens), (), (), written.finish_reason, written.stop_text)
    return Reply(Prompt(asked.text, len(tokens)), completion)
