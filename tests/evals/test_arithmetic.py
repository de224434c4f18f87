"""The arithmetic eval: a model that knows the answers scores 1, a silent one 0, and nothing leaks from training."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evals.arithmetic import Arithmetic, digit_accuracy
from harness.completion.sequence import Completion
from harness.evaluation.eval import Material
from harness.evaluation.metric import Metric
from harness.evaluation.requests import Complete, Sample, ScoreContinuation
from harness.evaluation.rows import table
from harness.scoring.answers import Likelihood
from harness.text.data.arithmetic_problems import Problem, split_of
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings

TOKENIZER = ByteTokenizerSettings().train([])


def material(*train: str) -> Material:
    documents = tuple(Document(f"d{n}", text, "arithmetic", f"d{n}") for n, text in enumerate(train))
    return Material(Corpus("toy", documents, documents, documents), TOKENIZER)


def metrics_of(eval: Arithmetic, says: dict[str, str] | None, greedy: bool) -> dict[tuple[str, str], Metric]:
    """The metrics of a speaker who says the target, or what `says` has for the problem."""
    here = material("nothing")
    samples = list(eval.samples(here))
    scores = []
    for sample in samples:
        text = sample.target if says is None else says.get(sample.id, "")
        answers = [*[Completion(text, (), (), (), "stop", None)] * 5, Likelihood(0.5, 2, greedy)]
        scores.append(eval.score(sample, answers, here))
    metrics = eval.metrics(table(eval.name, samples, scores))
    return {(metric.metric, metric.slice): metric for metric in metrics}


@pytest.mark.parametrize("style", ["plain", "qa", "chat"])
def test_an_oracle_scores_1_and_a_silent_model_0(style: str) -> None:
    eval = Arithmetic(num_samples=50, style=style, operations=["+", "-", "x"])
    oracle, silent = metrics_of(eval, None, True), metrics_of(eval, {}, False)
    for name in ("exact_match", "majority_of_5", "target_greedy", "answered", "digit_accuracy"):
        assert oracle[name, "all"].value == 1.0
        assert silent[name, "all"].value == 0.0
        assert oracle[name, "all"].n == oracle[name, "all"].n_total == 50
    assert oracle["target_nats", "all"].value == pytest.approx(0.5)


def test_every_problem_belongs_to_the_test_split() -> None:
    eval = Arithmetic(num_samples=400, max_digits=3)
    asked_problems = eval._problems("test", 400)
    assert len(asked_problems) == 400
    assert {split_of(problem) for problem in asked_problems} == {"test"}
    assert [sample.id for sample in eval.samples(material("x"))] == [problem.id for problem in asked_problems]


def test_a_planted_leak_is_counted_and_nothing_else() -> None:
    eval = Arithmetic(num_samples=100)
    first, second = eval._problems("test", 2)
    samples = list(eval.samples(material("x")))
    assert eval.seen_in_training(samples, material("What is 1 plus 1?", "the play")) == 0

    def asked_as(*planted: Problem) -> int:
        """How many of the asked problems say the same as one of these."""
        return sum(any(problem.fact == other.fact for other in planted) for problem in eval._problems("test", 100))

    turned = Problem(first.b, first.op, first.a)
    assert eval.seen_in_training(samples, material(f"{turned.id}=")) == asked_as(turned)
    leak = f"Human: What is {first.a} {'plus' if first.op == '+' else 'minus'} {first.b}?\n\nAssistant: {first.answer}"
    assert (
        eval.seen_in_training(samples, material(leak, leak, f"{second.id}={second.answer}"))
        == asked_as(first, second)
        >= 2
    )


def test_slices_are_by_operation_digits_and_carries() -> None:
    metrics = metrics_of(Arithmetic(num_samples=80), None, True)
    slices = {slice for _, slice in metrics}
    assert {"all", "operation=+", "operation=-", "digits=1", "digits=2", "carries=0", "carries=1"} <= slices
    by_operation = [metrics["exact_match", f"operation={op}"].n for op in "+-"]
    assert sum(by_operation) == 80


def test_the_target_follows_its_prompt_as_training_text_has_it() -> None:
    eval = Arithmetic(num_samples=3, style="chat")
    for sample in eval.samples(material("x")):
        completion, *others, target = eval.requests(sample, material("x"))
        assert others == [completion] * 4
        assert isinstance(completion, Complete)
        assert isinstance(target, ScoreContinuation)
        assert sample.prompt.endswith("Assistant:")
        assert sample.target.startswith(" ")


def test_shots_are_training_problems_before_the_question() -> None:
    eval = Arithmetic(num_samples=3, num_shots=2, style="plain")
    shots = eval._problems("train", 2)
    for sample in eval.samples(material("x")):
        lines = sample.prompt.split("\n")
        assert lines[:2] == [f"{shot.id}={shot.answer}" for shot in shots]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (["19", "19", "18", "18", "19"], 1),
        (["18", "19", "19", "", "dunno"], 1),
        (["18", "19", "18", "19", "x"], 0),
        (["19", "18", "18", "19", "x"], 1),
        (["", "x", "y", "", ""], 0),
        (["19.0", "nineteen", "a", "b", "c"], 1),
    ],
)
def test_the_most_frequent_answer_counts_and_the_first_of_equals(said: list[str], right: int) -> None:
    eval, here = Arithmetic(num_samples=1), material("x")
    sample = Sample("12+7", "12+7=", "19")
    answers = [*(Completion(text, (), (), (), "stop", None) for text in said), Likelihood(0.5, 2, False)]
    assert eval.score(sample, answers, here).values["majority_of_5"] == right


def test_without_a_vote_there_is_no_majority() -> None:
    eval, here = Arithmetic(num_samples=1, num_votes=0), material("x")
    [sample] = eval.samples(here)
    assert len(eval.requests(sample, here)) == 2
    answers = [Completion("1", (), (), (), "stop", None), Likelihood(0.5, 2, False)]
    assert not [name for name in eval.score(sample, answers, here).values if name.startswith("majority")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_digits": 6},
        {"min_digits": 3, "max_digits": 2},
        {"operations": []},
        {"operations": ["+", "+"]},
        {"num_samples": 0},
        {"num_votes": -1},
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be|name one"):
        Arithmetic(**wrong)


def test_a_number_of_any_length_has_its_digits_compared() -> None:
    assert digit_accuracy(Decimal("9" * 5_000), 9) == 1 / 5_000
    assert digit_accuracy(Decimal("-0"), 0) == 1.0
