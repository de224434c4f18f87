"""Putting evals' requests to a model.

Requests of one kind are gathered over all samples, sorted by length and answered in batches; the answers of a batch are
stored before the next batch is asked (harness/evaluation/answer_store.py). Equal requests are asked once.
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
from harness.text.tokenizers.tokenizer import Tokenizer, encode_continuation, encode_whole
from models.language_model import LanguageModel

# Characters of text that are scored before answers are stored for the first time.
_CHARACTERS_AT_ONCE = 1 << 17
# Answers are stored about this often: rarely enough that a prefix which many requests share is read once for them all.
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
    """The answers to requests of this kind, in their order; each request has a seed for its random draws."""
    length: Callable[[Any], int]
    """The length of a request in characters: requests of similar length are answered together."""
    weight: Callable[[Any], int]
    """How much work a request is."""
    at_once: int
    """How much work is done before answers are stored for the first time; twice as much after each quick batch."""


def ask(
    respondent: Respondent,
    requests: Sequence[Sequence[Request]],
    seeds: Sequence[Sequence[int]],
    title: str,
    store: AnswerStore | None = None,
) -> list[list[Answer]]:
    """The answers to each sample's requests, in order.

    seeds: one for each request; only completions use them. title: of the progress bar. store: where answers are looked
    up and stored; None: nowhere.
    """
    addresses = [[address(*pair) for pair in zip(*both, strict=True)] for both in zip(requests, seeds, strict=True)]
    answers: dict[str, Answer] = {}
    unanswered: dict[type, dict[str, tuple[Request, int]]] = {}
    for row in zip(requests, seeds, addresses, strict=True):
        for request, seed, name in zip(*row, strict=True):
            stored = store.find(request, seed) if store is not None and name not in answers else None
            if stored is not None:
                answers[name] = stored
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
                batch_pairs = [pairs[name] for name in batch]
                new = KINDS[kind].answer(
                    respondent, [request for request, _ in batch_pairs], [seed for _, seed in batch_pairs]
                )
                if store is not None:
                    store.add((*pair, answer) for pair, answer in zip(batch_pairs, new, strict=True))
                answers.update(zip(batch, new, strict=True))
                progress.advance(sum(weights[name] for name in batch))
                if time.monotonic() - began < _SECONDS_BETWEEN:
                    at_once *= 2
    return [[answers[name] for name in row] for row in addresses]


def _take(left: deque[str], weights: Mapping[str, int], at_once: int) -> list[str]:
    """Remove and return the first names that together weigh no more than `at_once`; at least one."""
    batch = [left.popleft()]
    total = weights[batch[0]]
    while left and total + weights[left[0]] <= at_once:
        total += weights[left[0]]
        batch.append(left.popleft())
    return batch


def _score_texts(respondent: Respondent, requests: Sequence[ScoreText], seeds: Sequence[int]) -> list[Answer]:
    model = respondent.model
    encoded = [encode_whole(respondent.tokenizer, request.text) for request in requests]
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

    `encode_continuation` says which tokens belong to the continuation.
    """
    pairs = [encode_continuation(tokenizer, request.prompt, request.continuation) for request in requests]
    return score_targets(model, [prompt for prompt, _ in pairs], [target for _, target in pairs], batch_size)


def _complete(respondent: Respondent, requests: Sequence[Complete], seeds: Sequence[int]) -> Sequence[Answer]:
    prompts = [
        Prompt(request.prompt, request.max_new_tokens, request.stop, seed)
        for request, seed in zip(requests, seeds, strict=True)
    ]
    if not respondent.strategy.draws:  # the seed changes nothing, so equal prompts are completed once
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
