"""Putting evals' requests to a model: requests of one kind are gathered over all samples and answered in batches."""

from __future__ import annotations

from collections.abc import Sequence

from harness.completion import Prompt, complete
from harness.decoding import DecodingStrategy
from harness.evaluation import Answer, Complete, Request, ScoreContinuation, ScoreText
from harness.progress import Progress
from harness.scoring import document_logprobs, likelihood, nats, score_continuations
from harness.text.tokenizer import Tokenizer
from models.language_model import LanguageModel


def ask(
    model: LanguageModel,
    tokenizer: Tokenizer,
    requests: Sequence[Sequence[Request]],
    seeds: Sequence[Sequence[int]],
    strategy: DecodingStrategy,
    what: str,
) -> list[list[Answer]]:
    """The answers to each sample's requests, in order.

    seeds: one a request; only completions draw from them. what: names the work in the progress bar.
    """
    answers: dict[tuple[int, int], Answer] = {}
    flat = [((i, j), request) for i, asked in enumerate(requests) for j, request in enumerate(asked)]
    texts = [(place, request) for place, request in flat if isinstance(request, ScoreText)]
    continuations = [(place, request) for place, request in flat if isinstance(request, ScoreContinuation)]
    completions = [(place, request) for place, request in flat if isinstance(request, Complete)]
    encoded = [tokenizer.encode(request.text) for _, request in texts]
    with Progress(what, sum(map(len, encoded)) + len(continuations) + len(completions), "pieces") as progress:
        for (place, _), tokens, logprobs in zip(
            texts, encoded, document_logprobs(model, encoded, progress.advance), strict=True
        ):
            answers[place] = likelihood(model, nats(logprobs), len(tokens))
        likelihoods = score_continuations(
            model, tokenizer, [request for _, request in continuations], on_done=progress.advance
        )
        answers |= {place: answer for (place, _), answer in zip(continuations, likelihoods, strict=True)}
        prompts = [
            Prompt(request.prompt, request.max_new_tokens, request.stop, seeds[i][j]) for (i, j), request in completions
        ]
        written = complete(model, tokenizer, prompts, strategy, on_done=progress.advance)
        answers |= {place: answer for (place, _), answer in zip(completions, written, strict=True)}
    return [[answers[i, j] for j in range(len(asked))] for i, asked in enumerate(requests)]
