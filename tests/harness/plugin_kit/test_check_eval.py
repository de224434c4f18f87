"""`bakeoff check` of evals: ours pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config.options import options
from harness.plugin_kit import check_eval as evals
from harness.plugin_kit.check_eval import EvalOnTrial, check_eval
from harness.plugin_kit.outcome import Skipped, outcomes
from tests.commands import environment
from tests.harness.plugin_kit.mistakes import changed

SMALL = {
    "arithmetic": ["evals.arithmetic.num_samples=12"],
    "turn_taking": ["evals.turn_taking.num_samples=8", "evals.turn_taking.max_new_tokens=40"],
    "replies": ["evals.replies.num_samples=8", "evals.replies.max_new_tokens=40"],
    "format_questions": ["evals.format_questions.max_new_tokens=40"],
    "turn_ends": ["evals.turn_ends.num_samples=8"],
    "next_speaker": ["data=shakespeare", "evals.next_speaker.num_scenes=3", "evals.next_speaker.changes_per_scene=3"],
    "perplexity": ["evals.perplexity.max_documents=8"],
    "generation": ["evals.generation.num_prompts=6"],
    "compression": ["evals.compression.max_bytes=600"],
    "lm_eval": ["evals.lm_eval.tasks=[bakeoff_arithmetic_plain]", "evals.lm_eval.limit=6"],
    "showcase": ["evals.showcase.max_new_tokens=20"],
}
EVAL = """
import random
from dataclasses import dataclass

from harness.evaluation import Complete, Eval, Measure, Sample, Score

WORDS = ("yes", "no", "perhaps", "never", "always", "soon")


@dataclass(frozen=True)
class Echo(Eval):
    name, version = "echo", 1
    measures = (Measure("right"),)

    def samples(self, material):
        return [Sample(word, f"{word}:", target=f" {word}") for word in WORDS]

    def requests(self, sample, material):
        return [Complete(sample.prompt, 20, stop=(".",))]

    def score(self, sample, answers, material):
        text = answers[0].text
        return Score({"right": text == sample.target}, text)
"""
OWN_METRICS = """
    def metrics(self, rows):
        from harness.evaluation import measured, metric_of
        from harness.statistics import mean
        found = mean(measured(rows, "right").fillna(0).to_numpy())
        return [metric_of(self, "right", found, "share", True)]

    def score"""
NO_METRICS = """
    def metrics(self, rows):
        return super().metrics(rows) if any(rows["answer"]) else []

    def score"""
SURE = """from harness.evaluation import ScoreContinuation
        return [ScoreContinuation(sample.prompt, sample.target), Complete("""
BOTH = """from harness.evaluation import ScoreContinuation
        return [Complete(sample.prompt, 20, stop=(".",)), ScoreContinuation(sample.prompt, sample.target)]"""
COMPLETE = 'Complete(sample.prompt, 20, stop=(".",))'
ASKED = f"return [{COMPLETE}]"
NATS = {ASKED: BOTH, 'Measure("right"),': 'Measure("right"), Measure("nats_of_it", "nats", higher_is_better=False)'}
CHOICES = """from harness.evaluation import ScoreContinuation
        return [ScoreContinuation(sample.prompt, f" {word}") for word in WORDS]"""
CHOSEN = """
        nats = [answer.nats for answer in answers]
        if None in nats:
            return Score({"right": None})
        lowest = [f" {word}" for word, one in zip(WORDS, nats) if one == min(nats)]
        """
HAS_SAMPLES = evals.it_has_samples_with_ids_of_their_own_and_asks_something_about_each
TEXT = "text = answers[0].text"
RIGHT = "text == sample.target"
# A mistake (what is replaced, and by what), and the check that must find it.
MISTAKES: dict[str, tuple[dict[str, str], Callable[[EvalOnTrial], None]]] = {
    "no samples": ({"for word in WORDS]": "for word in ()]"}, HAS_SAMPLES),
    "asks nothing": ({'return [Complete(sample.prompt, 20, stop=(".",))]': "return []"}, HAS_SAMPLES),
    "ids are taken": ({"Sample(word, ": 'Sample("same", '}, HAS_SAMPLES),
    "samples are drawn": (
        {"for word in WORDS]": "for word in random.sample(WORDS, 3)]"},
        evals.its_samples_are_the_same_each_time,
    ),
    "order of a set": (
        {"for word in WORDS]": "for word in set(WORDS)]"},
        evals.its_samples_are_the_same_in_another_process,
    ),
    "no say for decoding": (
        {"    measures =": "    uses_decoding = False\n    measures ="},
        evals.it_says_whether_it_depends_on_decoding,
    ),
    "right is wrong": ({RIGHT: "text.upper() == sample.target"}, evals.a_model_that_knows_gets_full_marks),
    "silence is right": ({RIGHT: 'text in (sample.target, "")'}, evals.a_model_that_says_nothing_gets_the_floor),
    "any text is right": ({RIGHT: "len(text) > 0"}, evals.a_model_that_answers_wrongly_gets_less),
    "any known answer is right": ({RIGHT: "text.strip() in WORDS"}, evals.a_model_that_answers_wrongly_gets_less),
    "right within a word": ({RIGHT: "sample.target.strip() in text"}, evals.a_model_that_answers_wrongly_gets_less),
    "right at the beginning": ({RIGHT: "text.startswith(sample.target)"}, evals.a_model_that_answers_wrongly_gets_less),
    "right at the end": ({RIGHT: "text.endswith(sample.target[1:])"}, evals.a_model_that_answers_wrongly_gets_less),
    "ties are right": (
        {
            '("yes", "no", "perhaps", "never", "always", "soon")': '("yes", "nay", "odd", "now", "few", "one")',
            ASKED: CHOICES,
            TEXT: CHOSEN,
            f'{{"right": {RIGHT}}}, text': '{"right": sample.target in lowest}',
        },
        evals.a_model_that_answers_wrongly_gets_less,
    ),
    "ties get nothing": (
        {
            'Measure("right"),': 'Measure("right", chance=1 / 6),',
            ASKED: CHOICES,
            TEXT: CHOSEN,
            f'{{"right": {RIGHT}}}, text': '{"right": [sample.target] == lowest}',
        },
        evals.a_model_that_can_not_tell_answers_apart_gets_chance,
    ),
    "no number for a wrong answer": (
        {RIGHT: 'float("nan") if text != sample.target else 1'},
        evals.a_model_that_answers_wrongly_gets_less,
    ),
    "no probability is zero nats": (
        {**NATS, f'{{"right": {RIGHT}}}': f'{{"right": {RIGHT}, "nats_of_it": answers[1].nats or 0.0}}'},
        evals.what_rests_on_a_missing_probability_is_missing,
    ),
    "missing is zero": ({"\n    def score": OWN_METRICS}, evals.missing_is_never_zero),
    "needs probabilities": (
        {"return [Complete(": SURE, TEXT: TEXT.replace("0", "1"), RIGHT: f"{RIGHT} and answers[0].nats < 1"},
        evals.a_model_without_probabilities_costs_values_and_not_the_run,
    ),
    "a metric goes missing": ({"\n    def score": NO_METRICS}, evals.every_metric_is_there_whatever_the_model_says),
    "a value goes missing": ({'{"right": text': '{"write": text'}, evals.every_metric_is_there_whatever_the_model_says),
    "scores remember": (
        {"WORDS =": "SEEN = []\nWORDS =", TEXT: f"{TEXT}; SEEN.append(1)", RIGHT: "len(SEEN) % 6 < 3"},
        evals.each_sample_is_scored_by_itself,
    ),
    "no number": ({RIGHT: 'float("inf")'}, evals.what_it_finds_survives_storage),
    "global state": ({TEXT: f"{TEXT}; random.random()"}, evals.no_global_random_state_is_touched),
}


IN_THIS_PROCESS = [check for check in evals.CHECKS if check is not evals.its_samples_are_the_same_in_another_process]


@pytest.mark.parametrize("name", options("evals"))
def test_every_eval_of_ours_passes(name: str) -> None:
    failed = [
        outcome for outcome in outcomes(IN_THIS_PROCESS, EvalOnTrial(name, SMALL[name])) if outcome.verdict == "FAIL"
    ]
    assert failed == []


def digests() -> dict[str, str]:
    return {name: EvalOnTrial(name, SMALL[name]).digest() for name in options("evals")}


def test_the_samples_of_every_eval_of_ours_are_the_same_in_another_process() -> None:
    code = f"import json; from {__name__} import digests; print(json.dumps(digests()))"
    variables = environment(PYTHONHASHSEED="12345")
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == digests()


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    path = tmp_path / "echo.py"
    path.write_text(EVAL)
    return path


def test_an_eval_without_mistakes_passes_every_check(echo: Path) -> None:
    verdicts = {outcome.sentence: outcome.verdict for outcome in check_eval(str(echo))}
    assert verdicts.pop("a model that can not tell answers apart gets chance") == "skip"  # it writes its answers
    assert set(verdicts.values()) == {"pass"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_in_an_eval_is_found_by_the_check_meant_for_it(mistake: str, echo: Path) -> None:
    changes, check = MISTAKES[mistake]
    echo.write_text(changed(EVAL, changes))
    with pytest.raises(Exception) as caught:  # noqa: PT011
        check(EvalOnTrial(str(echo), ()))
    assert not isinstance(caught.value, Skipped)


SILENCE = """    def perfect_answer(self, sample, request):
        return ""

    def score"""
TWO_QUESTIONS = """
    def requests(self, sample, material):
        return [Complete(f"{sample.prompt} {n}", 20, stop=(".",)) for n in "12"]

    def perfect_answer(self, sample, request):
        return sample.target + request.prompt[-1]

    def requests_before("""
RIGHT_EVALS = {
    "silence": {', target=f" {word}"': "", RIGHT: 'text == ""', "    def score": SILENCE},
    "two questions a sample": {
        "\n    def requests(": TWO_QUESTIONS,
        RIGHT: '[answer.text for answer in answers] == [f"{sample.target}{n}" for n in "12"]',
    },
    "several right words": {RIGHT: "text in (sample.target, sample.target.upper())"},
    "whole words": {RIGHT: "sample.target.strip() in text.split()"},
    "choices, ties share": {
        ASKED: CHOICES,
        TEXT: CHOSEN,
        f'{{"right": {RIGHT}}}, text': '{"right": (sample.target in lowest) / len(lowest)}',
    },
    "choices with their chance": {
        'Measure("right"),': 'Measure("right", chance=1 / 6),',
        ASKED: CHOICES,
        TEXT: CHOSEN,
        f'{{"right": {RIGHT}}}, text': '{"right": (sample.target in lowest) / len(lowest)}',
    },
    "choices, the first of ties": {
        ASKED: CHOICES,
        TEXT: CHOSEN,
        f'{{"right": {RIGHT}}}, text': '{"right": sample.target == lowest[0]}',
    },
    "choices beside a completion": {
        ASKED: f"{CHOICES} + [{COMPLETE}]",
        TEXT: CHOSEN.replace("answers]", "answers[:-1]]"),
        f'{{"right": {RIGHT}}}, text': '{"right": (sample.target in lowest) / len(lowest)}',
    },
    "one token": {"20, ": "len(material.tokenizer.encode(sample.target)), "},
}


@pytest.mark.parametrize("kind", RIGHT_EVALS)
def test_an_eval_that_is_right_passes(kind: str, echo: Path) -> None:
    echo.write_text(changed(EVAL, RIGHT_EVALS[kind]))
    made = outcomes(IN_THIS_PROCESS, EvalOnTrial(str(echo), ()))
    assert [str(outcome) for outcome in made if outcome.verdict == "FAIL"] == []


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        (
            'Sample(word, f"{word}:", target=f" {word}")',
            "(word, word)",
            "def samples(self, material):",
        ),  # refused by us
        ("return [Complete(sample.prompt,", "return [Complete(sample.promt,", "Complete(sample.promt"),  # raises itself
    ],
)
def test_an_error_is_told_once_with_the_line_of_the_user_s_file(echo: Path, right: str, wrong: str, line: str) -> None:
    text = changed(EVAL, {right: wrong})
    echo.write_text(text)
    number = 1 + next(number for number, of_file in enumerate(text.splitlines()) if line in of_file)
    _, first, *others = check_eval(str(echo))
    assert first.reason.endswith(f"({echo}:{number})")
    assert {other.reason for other in others} == {"the same error as above"}


def test_an_eval_without_targets_is_not_asked_for_full_marks(echo: Path) -> None:
    shares = {f'"right": {RIGHT}': '"right": len(text) / 99 if text else None', ', target=f" {word}"': ""}
    echo.write_text(changed(EVAL, shares))
    made = outcomes(IN_THIS_PROCESS, EvalOnTrial(str(echo), ()))
    verdicts = {outcome.sentence: outcome.verdict for outcome in made}
    assert verdicts.pop("a model that knows gets full marks") == "skip"
    assert verdicts.pop("a model that answers wrongly gets less") == "skip"
    assert verdicts.pop("a model that can not tell answers apart gets chance") == "skip"
    assert set(verdicts.values()) == {"pass"}
