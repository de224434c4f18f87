"""Putting evals' requests to a model.

Requests of one kind are gathered over all samples, those of like length together, and answered some at a time; what was
answered is kept before more is asked (see harness/evaluation/answer_store.py). The same request is asked once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from harness.common.progress import Progress
from harness.completion.engine import DecodingStrategy, Engine, FindModel, no_other_models
from harness.completion.sequence import Prompt
from harness.evaluation.answer_store import AnswerStore, address
from harness.evaluation.requests import Answer, Complete, Compress, Request, ScoreContinuation, ScoreText
from harness.scoring.answers import Likelihood
from harness.scoring.compression import prove
from harness.scoring.likelihood import document_likelihood, document_logprobs, score_targets
from harness.scoring.prompt_reader import DEFAULT_BATCH_SIZE
from harness.text.tokenizers.tokenizer import Tokenizer
from models.language_model import LanguageModel

# Characters of text that are scored before answers are kept for the first time.
_CHARACTERS_AT_ONCE = 1 << 17
# Answers are kept about this often: seldom enough that what requests share is read once for many of them.
_SECONDS_BETWEEN = 1.0


@dataclass(frozen=True)
class Respondent:
    """Who answers, and how it writes."""

    model: LanguageModel
    tokenizer: Tokenizer
    strategy: DecodingStrategy
    find_model: FindModel = no_other_models
    """How a strategy gets another run's model."""

    @cached_property
    def engine(self) -> Engine:
        """What writes its completions."""
        return Engine(self.model, self.tokenizer, self.strategy, find_model=self.find_model)


@dataclass(frozen=True)
class Kind:
    """How one kind of request is answered."""

    answer: Callable[[Respondent, Sequence[Any], Sequence[int]], Sequence[Answer]]
    """The answers to requests of this kind, in their order; each has a seed, for what is drawn."""
    length: Callable[[Any], int]
    """Of a request, in characters: requests of like length are answered together."""
    weight: Callable[[Any], int]
    """How much work it is."""
    at_once: int
    """How much work is done before answers are kept for the first time; twice as much after each quick batch."""


def ask(
    respondent: Respondent,
    requests: Sequence[Sequence[Request]],
    seeds: Sequence[Sequence[int]],
    title: str,
    store: AnswerStore | None = None,
) -> list[list[Answer]]:
    """The answers to each sample's requests, in order.

    seeds: one a request; only completions draw from them. title: of the progress bar. store: where answers are looked
    up and kept; None: nowhere.
    """
    addresses = [[address(*pair) for pair in zip(*both, strict=True)] for both in zip(requests, seeds, strict=True)]
    answers: dict[str, Answer] = {}
    unanswered: dict[type, dict[str, tuple[Request, int]]] = {}
    for row in zip(requests, seeds, addresses, strict=True):
        for request, seed, name in zip(*row, strict=True):
            kept = store.find(request, seed) if store is not None and name not in answers else None
            if kept is not None:
                answers[name] = kept
            elif name not in answers:
                unanswered.setdefault(type(request), {})[name] = (request, seed)
    weights = {
        name: KINDS[kind].weight(request) for kind, pairs in unanswered.items() for name, (request, _) in pairs.items()
    }
    with Progress(title, sum(weights.values()), "pieces") as progress:
        for kind, pairs in unanswered.items():
            length, at_once = KINDS[kind].length, KINDS[kind].at_once
            left = deque(sorted(pairs, key=lambda name: length(pairs[name][0])))
            while left:
                began = time.monotonic()
                batch = _take(left, weights, at_once)
                of_batch = [pairs[name] for name in batch]
                new = KINDS[kind].answer(
                    respondent, [request for request, _ in of_batch], [seed for _, seed in of_batch]
                )
                if store is not None:
                    store.add((*pair, answer) for pair, answer in zip(of_batch, new, strict=True))
                answers.update(zip(batch, new, strict=True))
                progress.advance(sum(weights[name] for name in batch))
                if time.monotonic() - began < _SECONDS_BETWEEN:
                    at_once *= 2
    return [[answers[name] for name in row] for row in addresses]


def _take(left: deque[str], weights: Mapping[str, int], at_once: int) -> list[str]:
    """Take the first few names away, which together weigh no more than allowed; at least one."""
    batch = [left.popleft()]
    total = weights[batch[0]]
    while left and total + weights[left[0]] <= at_once:
        total += weights[left[0]]
        batch.append(left.popleft())
    return batch


def _score_texts(respondent: Respondent, requests: Sequence[ScoreText], seeds: Sequence[int]) -> list[Answer]:
    model = respondent.model
    encoded = [respondent.tokenizer.encode(request.text) for request in requests]
    return [document_likelihood(model, logprobs) for logprobs in document_logprobs(model, encoded)]


def _score_continuations(
    respondent: Respondent, requests: Sequence[ScoreContinuation], seeds: Sequence[int]
) -> Sequence[Answer]:
    return score_continuations(respondent.model, respondent.tokenizer, requests)


def score_continuations(
    model: LanguageModel,
    tokenizer: Tokenizer,
    requests: Sequence[ScoreContinuation],
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> list[Likelihood]:
    """How likely each continuation is after its prompt, and whether greedy decoding would write it.

    Prompt and continuation are tokenized apart, as the completion engine meets them.
    """
    prompts = [tokenizer.encode(request.prompt) for request in requests]
    targets = [tokenizer.encode(request.continuation) for request in requests]
    return score_targets(model, prompts, targets, batch_size)


def _complete(respondent: Respondent, requests: Sequence[Complete], seeds: Sequence[int]) -> Sequence[Answer]:
    prompts = [
        Prompt(request.prompt, request.max_new_tokens, request.stop, seed)
        for request, seed in zip(requests, seeds, strict=True)
    ]
    if not respondent.strategy.draws:  # what depends on no seed is written once
        prompts = [replace(prompt, seed=0) for prompt in prompts]
    different = list(dict.fromkeys(prompts))
    written = dict(zip(different, respondent.engine.complete(different), strict=True))
    return [written[prompt] for prompt in prompts]


def _compress(respondent: Respondent, requests: Sequence[Compress], seeds: Sequence[int]) -> list[Answer]:
    return [prove(respondent.model, respondent.tokenizer, request.texts) for request in requests]


KINDS: Mapping[type, Kind] = {
    ScoreText: Kind(
        _score_texts,
        length=lambda request: len(request.text),
        weight=lambda request: len(request.text),
        at_once=_CHARACTERS_AT_ONCE,
    ),
    ScoreContinuation: Kind(
        _score_continuations,
        length=lambda request: len(request.prompt),
        weight=lambda request: len(request.prompt) + len(request.continuation),
        at_once=_CHARACTERS_AT_ONCE,
    ),
    Complete: Kind(
        _complete,
        length=lambda request: len(request.prompt),
        weight=lambda request: 1,
        at_once=DEFAULT_BATCH_SIZE,
    ),
    Compress: Kind(
        _compress,
        length=lambda request: sum(map(len, request.texts)),
        weight=lambda request: 2 * sum(map(len, request.texts)),
        at_once=1,
    ),
}
"""Every kind of request that an eval may make."""
