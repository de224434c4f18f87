"""Replies: how good are a model's turns in a conversation, by a program that anyone can check?

The model takes the assistant's turns in held-out conversations, each once, and is stopped where it hands over.

`gold` is the mean of a score from 0 to 1 (harness/ratings/gold.py), a product of four shares: handed over within
reason, known words, no echo of the prompt, on topic. It is what simulated ratings are made of, so it shows whether a
preference model and a stage that raises it have learnt what they were to learn. It knows words, not what they mean.
`real_gold` is the gold of what people said in the same places.
`reply_characters`: the mean length. `real_reply_characters`: that of people.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from evals.conversation_parts import turns
from harness.common.options import check_least, check_most
from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Baseline, Measure
from harness.evaluation.requests import MOST_NEW_TOKENS, Answer, Complete, Request, Sample, Score
from harness.ratings.gold import GoldUtility
from harness.ratings.rating import Written
from harness.text.data.corpus import Corpus
from harness.text.transcript import HUMAN


@dataclass(frozen=True)
class Replies(Eval):
    """Options of the replies eval."""

    name: ClassVar[str] = "replies"
    version: ClassVar[int] = 1
    has_wrong_answers: ClassVar[bool] = False
    descriptions: ClassVar[Mapping[str, str]] = {
        "gold": (
            "How good replies are by a program, 0 to 1: handed over within reason, known words, no echo, on topic. "
            "It is what simulated raters go by."
        ),
        "reply_characters": "Mean length of the replies, in characters.",
    }
    why_no_samples: ClassVar[str] = "the data set has no held-out conversations between a human and an assistant"
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("gold", "gold"),
        Measure("reply_characters", "characters", None),
        Measure("real_gold", "gold", higher_is_better=None, baseline=Baseline("gold", "real")),
        Measure("real_reply_characters", "characters", None, baseline=Baseline("reply_characters", "real")),
    )

    num_samples: int = 200
    """Turns to take in held-out conversations: one in each, then a second one in each, and so on."""
    exclude_sources: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Data sets whose conversations are left out."""
    max_history_turns: int = 2
    """The prompt has at most this many turns before the model's own."""
    max_new_tokens: int = 160
    """Tokens that the model may write before its turn is cut."""

    def __post_init__(self) -> None:
        check_least(self, num_samples=1, max_history_turns=1, max_new_tokens=1)
        check_most(self, max_new_tokens=MOST_NEW_TOKENS)

    def samples(self, material: Material) -> Iterable[Sample]:
        to_take = turns.to_take(material.corpus, self.exclude_sources, self.max_history_turns, self.name)
        return list(itertools.islice(to_take, self.num_samples))

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [Complete(sample.prompt, self.max_new_tokens, stop=(material.corpus.chat_format.stop_text(HUMAN),))]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        [reply] = answers
        assert isinstance(reply, Completion)
        gold = _gold_of(material.corpus)
        real = Written(sample.target, "stop", None, "")
        values = {
            "gold": gold(sample.prompt, Written.of(reply)),
            "reply_characters": len(reply.text.strip()),
            "real_gold": gold(sample.prompt, real),
            "real_reply_characters": len(sample.target.strip()),
        }
        return Score(values, reply.text, reply.finish_reason, num_tokens=len(reply.tokens))

    def perfect_answer(self, sample: Sample, request: Request) -> str:
        """What a person said, which has less than full gold; what has more isn't known."""
        return sample.target


@functools.lru_cache(maxsize=2)
def _gold_of(corpus: Corpus) -> GoldUtility:
    return GoldUtility.of(document.text for document in corpus.train)
