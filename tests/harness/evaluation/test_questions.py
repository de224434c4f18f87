"""An eval's questions, and the scoring of their answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.common.seeds import seed_of
from harness.evaluation.metric import Measure
from harness.evaluation.questions import questions, scored
from harness.evaluation.requests import Complete, Score
from harness.evaluation.rows import measured
from tests.harness.evaluation.counting import MATERIAL, Counting


@dataclass(frozen=True)
class Measuring(Counting):
    """It needs only the text of answers."""

    measures = (Measure("length", "chars", None),)

    def score(self, sample: Any, answers: Any, material: Any) -> Any:
        return Score({"length": float(len(answers[0].text))}, answers[0].text)


def test_every_request_of_every_sample_has_a_seed_of_its_own_from_the_run_s() -> None:
    eval_questions = questions(Counting(), MATERIAL, seed=3)
    assert [sample.id for sample in eval_questions.samples] == ["a", "b", "c"]
    assert eval_questions.requests[1] == [Complete("b:", 5), Complete("b:b:", 5)]
    assert eval_questions.seeds[2] == [seed_of(3, "counting", "c", 0), seed_of(3, "counting", "c", 1)]
    assert len({seed for seeds in eval_questions.seeds for seed in seeds}) == 6
    assert questions(Counting(), MATERIAL, seed=4).seeds != eval_questions.seeds


def test_a_sample_s_seeds_stay_when_others_come() -> None:
    fewer, more = (questions(Counting(ids), MATERIAL, 0) for ids in (("b",), ("a", "b")))
    assert fewer.seeds[0] == more.seeds[1]


def test_samples_are_scored_in_their_order() -> None:
    eval = Measuring()
    eval_questions = questions(eval, MATERIAL, 0)
    answers: Any = [[SimpleNamespace(text="x" * length)] for length in (3, 1, 2)]
    of_eval = scored(eval, eval_questions, answers, MATERIAL)
    rows = of_eval.rows
    assert measured(rows, "length").tolist() == [3.0, 1.0, 2.0]
    assert rows["sample_id"].tolist() == ["a", "b", "c"]
    assert of_eval.seen_in_training is None


def test_whatever_goes_wrong_says_in_which_sample() -> None:
    eval = Measuring()
    eval_questions = questions(eval, MATERIAL, 0)
    answers: Any = [[SimpleNamespace(text="x")], [], []]
    with pytest.raises(IndexError) as caught:
        scored(eval, eval_questions, answers, MATERIAL)
    assert caught.value.__notes__ == ["in score of counting, sample 'b'"]
    with pytest.raises(ValueError, match="another sample's") as refused:
        questions(replace(eval, ids=("a", "a")), MATERIAL, 0)
    [note] = refused.value.__notes__  # what samples gave was refused by us, so it says where samples are made
    method = Counting.samples.__code__
    assert note == f"in samples of counting ({method.co_filename}:{method.co_firstlineno})"


def test_as_many_answers_as_samples_are_asked_for() -> None:
    eval = Measuring()
    with pytest.raises(ValueError, match="zip"):
        scored(eval, questions(eval, MATERIAL, 0), [], MATERIAL)
