"""`bakeoff check` of evals: ours pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config.options import options
from harness.plugin_kit import check_eval as evals
from harness.plugin_kit.check_eval import EvalOnTrial, check_eval
from harness.plugin_kit.outcome import Skipped
from tests.harness.plugin_kit.mistakes import changed

SMALL = {
    "arithmetic": ["evals.arithmetic.num_samples=12"],
    "turn_taking": ["evals.turn_taking.num_samples=8", "evals.turn_taking.max_new_tokens=40"],
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
        evals.it_says_whether_decoding_has_a_say,
    ),
    "right is wrong": ({RIGHT: "text.upper() == sample.target"}, evals.a_model_that_knows_gets_full_marks),
    "silence is right": ({RIGHT: 'text in (sample.target, "")'}, evals.a_model_that_says_nothing_gets_the_floor),
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


@pytest.mark.parametrize("name", options("evals"))
def test_every_eval_of_ours_passes(name: str) -> None:
    failed = [outcome for outcome in check_eval(name, SMALL[name]) if outcome.verdict == "FAIL"]
    assert failed == []


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    path = tmp_path / "echo.py"
    path.write_text(EVAL)
    return path


def test_an_eval_without_mistakes_passes_every_check(echo: Path) -> None:
    assert {outcome.verdict for outcome in check_eval(str(echo))} == {"pass"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_in_an_eval_is_found_by_the_check_meant_for_it(mistake: str, echo: Path) -> None:
    changes, check = MISTAKES[mistake]
    echo.write_text(changed(EVAL, changes))
    with pytest.raises(Exception) as caught:  # noqa: PT011
        check(EvalOnTrial(str(echo), ()))
    assert not isinstance(caught.value, Skipped)


def test_an_eval_without_targets_is_not_asked_for_full_marks(echo: Path) -> None:
    shares = {f'"right": {RIGHT}': '"right": len(text) / 99 if text else None', ', target=f" {word}"': ""}
    echo.write_text(changed(EVAL, shares))
    verdicts = {outcome.sentence: outcome.verdict for outcome in check_eval(str(echo))}
    assert verdicts.pop("a model that knows gets full marks") == "skip"
    assert set(verdicts.values()) == {"pass"}
