"""An eval's samples with their requests, and their scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.common.seeds import seed_of
from harness.evaluation.eval import Eval, Material
from harness.evaluation.requests import Answer, Request, Sample, Score
from harness.evaluation.rows import table
from harness.evaluation.scored import Scored
from harness.evaluation.validity import check_requests, check_samples, check_score


@dataclass(frozen=True)
class Questions:
    """What an eval asks."""

    samples: Sequence[Sample]
    requests: Sequence[Sequence[Request]]
    """Each sample's."""
    seeds: Sequence[Sequence[int]]
    """One a request, for what is drawn."""


def questions(eval: Eval, material: Material, seed: int) -> Questions:
    """What an eval asks. seed: the run's."""
    with noted(f"in samples of {eval.name}"):
        samples = list(eval.samples(material))
        check_samples(samples)
    requests = []
    for sample in samples:
        with noted(f"in requests of {eval.name}, sample {sample.id!r}"):
            requests.append(list(eval.requests(sample, material)))
            check_requests(requests[-1])
    seeds = [
        [seed_of(seed, eval.name, sample.id, index) for index in range(len(asked))]
        for sample, asked in zip(samples, requests, strict=True)
    ]
    return Questions(samples, requests, seeds)


def scored(eval: Eval, asked: Questions, answers: Iterable[Sequence[Answer]], material: Material) -> Scored:
    """What an eval finds of its samples, from the answers to their requests."""
    scores: list[Score] = []
    for sample, given in zip(asked.samples, answers, strict=True):
        with noted(f"in score of {eval.name}, sample {sample.id!r}"):
            scores.append(eval.score(sample, given, material))
            check_score(scores[-1])
    with noted(f"in score_together of {eval.name}"):
        together = eval.score_together(asked.samples, scores, material)
        for score in together:
            check_score(score)
    return Scored(table(eval.name, asked.samples, together), eval.seen_in_training(asked.samples, material))


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Whatever is raised in this block says where."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise
