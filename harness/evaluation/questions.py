"""An eval's samples with their requests, and their scores."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.common.seeds import seed_of
from harness.evaluation.eval import Eval, Material
from harness.evaluation.requests import Answer, Request, Sample, Score
from harness.evaluation.rows import table
from harness.evaluation.scored import Scored
from harness.evaluation.validity import check_measures, check_requests, check_samples, check_score


@dataclass(frozen=True)
class Questions:
    """What an eval asks."""

    samples: Sequence[Sample]
    requests: Sequence[Sequence[Request]]
    """Each sample's."""
    seeds: Sequence[Sequence[int]]
    """One for each request, for its random draws."""


def questions(eval: Eval, material: Material, seed: int) -> Questions:
    """What an eval asks. seed: the run's."""
    with noted(eval.samples, f"in samples of {eval.name}"):
        samples = list(eval.samples(material))
        check_samples(samples)
    requests = []
    for sample in samples:
        with noted(eval.requests, f"in requests of {eval.name}, sample {sample.id!r}"):
            requests.append(list(eval.requests(sample, material)))
            check_requests(requests[-1])
    seeds = [
        [seed_of(seed, eval.name, sample.id, index) for index in range(len(sample_requests))]
        for sample, sample_requests in zip(samples, requests, strict=True)
    ]
    return Questions(samples, requests, seeds)


def scored(eval: Eval, eval_questions: Questions, answers: Iterable[Sequence[Answer]], material: Material) -> Scored:
    """The scores of an eval's samples, from the answers to their requests."""
    scores: list[Score] = []
    for sample, sample_answers in zip(eval_questions.samples, answers, strict=True):
        with noted(eval.score, f"in score of {eval.name}, sample {sample.id!r}"):
            scores.append(eval.score(sample, sample_answers, material))
            check_score(scores[-1])
    with noted(eval.score_together, f"in score_together of {eval.name}"):
        together = eval.score_together(eval_questions.samples, scores, material)
        for sample, score in zip(eval_questions.samples, together, strict=True):
            check_score(score)
            check_measures(eval, sample, score)
    return Scored(
        table(eval.name, eval_questions.samples, together), eval.seen_in_training(eval_questions.samples, material)
    )


@contextmanager
def noted(method: Callable[..., object], note: str) -> Iterator[None]:
    """Any exception that leaves this block, which calls a method, carries the note. It has the method's file and line
    where the traceback doesn't lead into that file: then what the method gave is wrong."""
    try:
        yield
    except BaseException as error:
        code = getattr(inspect.unwrap(method), "__code__", None)
        files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)}
        where = "" if code is None or code.co_filename in files else f" ({code.co_filename}:{code.co_firstlineno})"
        error.add_note(note + where)
        raise
