"""Putting evals' requests to a model.

Requests of one kind are gathered over all samples, those of like length together, and answered some at a time; what was
answered is kept before more is asked (see harness/evaluation/answer_store.py). The same request is asked once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.common.progress import Progress
from harness.completion.decoding.transform import DecodingStrategy
from harness.completion.engine import Engine, FindModel, no_other_models
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
class Asked:
    """Who is asked, and how it writes."""

    model: LanguageModel
    tokenizer: Tokenizer
    strategy: DecodingStrategy
    find_model: FindModel = no_other_models
    """How a strategy gets another run's model."""


@dataclass(frozen=True)
class Kind:
    """How one kind of request is answered."""

    answer: Callable[[Asked, Sequence[Any], Sequence[int]], Sequence[Answer]]
    """The answers to requests of this kind, in their order; each has a seed, for what is drawn."""
    length: Callable[[Any], int]
    """Of a request, in characters: requests of like length are asked together."""
    weight: Callable[[Any], int]
    """How much work it is."""
    at_once: int
    """So much work is done before answers are kept for the first time; then more, as long as it is quickly done."""


def ask(
    model: LanguageModel,
    tokenizer: Tokenizer,
    requests: Sequence[Sequence[Request]],
    seeds: Sequence[Sequence[int]],
    strategy: DecodingStrategy,
    what: str,
    find_model: FindModel = no_other_models,
    store: AnswerStore | None = None,
) -> list[list[Answer]]:
    """The answers to each sample's requests, in order.

    seeds: one a request; only completions draw from them. what: names the work in the progress bar. find_model: how a
    strategy gets another run's model. store: where answers are looked up and kept; None: nowhere.
    """
    asked = Asked(model, tokenizer, strategy, find_model)
    addresses = [[address(*pair) for pair in zip(*both, strict=True)] for both in zip(requests, seeds, strict=True)]
    answers: dict[str, Answer] = {}
    open_: dict[type, dict[str, tuple[Request, int]]] = {}
    for row in zip(requests, seeds, addresses, strict=True):
        for request, seed, name in zip(*row, strict=True):
            kept = store.find(request, seed) if store is not None and name not in answers else None
            if kept is not None:
                answers[name] = kept
            elif name not in answers:
                open_.setdefault(type(request), {})[name] = (request, seed)
    total = sum(KINDS[kind].weight(request) for kind, asked_of in open_.items() for request, _ in asked_of.values())
    with Progress(what, total, "pieces") as progress:
        for kind, asked_of in open_.items():
            left: Sequence[str] = sorted(asked_of, key=lambda name: KINDS[kind].length(asked_of[name][0]))
            at_once = KINDS[kind].at_once
            while left:
                began = time.monotonic()
                batch, left = _cut(left, [KINDS[kind].weight(asked_of[name][0]) for name in left], at_once)
                pairs = [asked_of[name] for name in batch]
                given = KINDS[kind].answer(asked, [request for request, _ in pairs], [seed for _, seed in pairs])
                if store is not None:
                    store.add((*pair, answer) for pair, answer in zip(pairs, given, strict=True))
                answers.update(zip(batch, given, strict=True))
                progress.advance(sum(KINDS[kind].weight(request) for request, _ in pairs))
                if time.monotonic() - began < _SECONDS_BETWEEN:
                    at_once *= 2
    return [[answers[name] for name in row] for row in addresses]


def _cut(names: Sequence[str], weights: Sequence[int], at_once: int) -> tuple[Sequence[str], Sequence[str]]:
    """The first few names, that together weigh no more than allowed (at least one), and the rest."""
    total = weights[0]
    for place, weight in enumerate(weights[1:], start=1):
        total += weight
        if total > at_once:
            return names[:place], names[place:]
    return names, ()


def _score_texts(asked: Asked, requests: Sequence[ScoreText], seeds: Sequence[int]) -> list[Answer]:
    encoded = [asked.tokenizer.encode(request.text) for request in requests]
    return [document_likelihood(asked.model, logprobs) for logprobs in document_logprobs(asked.model, encoded)]


def _score_continuations(asked: Asked, requests: Sequence[ScoreContinuation], seeds: Sequence[int]) -> Sequence[Answer]:
    return score_continuations(asked.model, asked.tokenizer, requests)


def _complete(asked: Asked, requests: Sequence[Complete], seeds: Sequence[int]) -> Sequence[Answer]:
    prompts = [
        Prompt(request.prompt, request.max_new_tokens, request.stop, seed)
        for request, seed in zip(requests, seeds, strict=True)
    ]
    # what depends on no seed is written once
    asked_of = prompts if asked.strategy.draws else [replace(prompt, seed=0) for prompt in prompts]
    different = list(dict.fromkeys(asked_of))
    engine = Engine(asked.model, asked.tokenizer, asked.strategy, find_model=asked.find_model)
    written = dict(zip(different, engine.complete(different), strict=True))
    return [written[prompt] for prompt in asked_of]


def _compress(asked: Asked, requests: Sequence[Compress], seeds: Sequence[int]) -> list[Answer]:
    return [prove(asked.model, asked.tokenizer, request, lambda count: None) for request in requests]


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


def score_continuations(
    model: LanguageModel,
    tokenizer: Tokenizer,
    requests: Sequence[ScoreContinuation],
    batch_size: int = DEFAULT_BATCH_SIZE,
    on_done: Callable[[int], None] = lambda count: None,
) -> list[Likelihood]:
    """How likely each continuation is after its prompt, and whether greedy decoding would write it.

    Prompt and continuation are tokenized apart, as the completion engine meets them.
    """
    prompts = [tokenizer.encode(request.prompt) for request in requests]
    targets = [tokenizer.encode(request.continuation) for request in requests]
    return score_targets(model, prompts, targets, batch_size, on_done)
