"""`bakeoff check`: what comes with bakeoff passes, and each mistake is found by the check meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.config.options import options
from harness.plugin_kit import check_decoding as decoding
from harness.plugin_kit import check_eval as evals
from harness.plugin_kit.actor import Actor, ActorConfig
from harness.plugin_kit.check_decoding import StrategyOnTrial, check_decoding
from harness.plugin_kit.check_eval import EvalOnTrial, check_eval
from harness.plugin_kit.check_model import check_model
from harness.plugin_kit.outcome import Skipped
from models.checking.contract import FIT_CHECKS
from models.checking.trial import MARKOV, Subject

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
NEEDED = {
    "constrained": ["decoding.transforms.constrained.pattern='[a-j]+'"],
    "speculative": ["decoding.search.draft=itself"],
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
SURE = """from harness.evaluation.eval import ScoreContinuation
        return [ScoreContinuation(sample.prompt, sample.target), Complete("""
HAS_SAMPLES = evals.it_has_samples_with_ids_of_their_own_and_asks_something_about_each
TEXT = "text = answers[0].text"
RIGHT = "text == sample.target"
# A mistake, as what is replaced by what, and the check that it is meant for.
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


def changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("name", options("evals"))
def test_every_eval_of_ours_passes(name: str) -> None:
    failed = [outcome for outcome in check_eval(name, SMALL[name]) if outcome.verdict == "FAIL"]
    assert failed == []


@pytest.mark.parametrize("name", options("decoding"))
def test_every_decoding_strategy_of_ours_passes(name: str) -> None:
    failed = [outcome for outcome in check_decoding(name, NEEDED.get(name, ())) if outcome.verdict == "FAIL"]
    assert failed == []


@pytest.mark.parametrize("name", ["unigram", "gru"])
def test_families_of_ours_pass(name: str) -> None:
    overrides = ["model.d_model=16"] if name == "gru" else []
    assert {outcome.verdict for outcome in check_model(name, overrides)} == {"pass"}


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


STRATEGY = '''
from dataclasses import dataclass

import torch

from harness.completion import Draw, PlainTransform


@dataclass(frozen=True)
class Same(PlainTransform):
    def reshape(self, logprobs):
        return logprobs.clone()


@dataclass(frozen=True)
class OwnDraw(Draw):
    """Draws."""
'''
SAME, CALL = "logprobs.clone()", "    def __call__(self, logprobs, uniforms):\n        return "
DRAWS, ODDS = '    """Draws."""', "    def odds(self, logprobs):\n        return "
WRONG_STRATEGIES: dict[str, tuple[dict[str, str], Callable[[StrategyOnTrial], None]]] = {
    "unnormalised": ({SAME: "logprobs - 1"}, decoding.transforms_give_distributions),
    "in place": ({SAME: "logprobs.clamp_(max=-0.1)"}, decoding.transforms_give_distributions),
    "brings back": (
        {SAME: "torch.log_softmax(logprobs.clamp(min=-20), -1)"},
        decoding.transforms_give_distributions,
    ),
    "mixes rows": (
        {SAME: "torch.log_softmax(logprobs + logprobs.clamp(min=-9).mean(0), -1)"},
        decoding.a_transform_sees_one_row_at_a_time,
    ),
    "picks anything": (
        {DRAWS: f"{CALL}(uniforms * logprobs.shape[-1]).long()"},
        decoding.the_chooser_picks_only_what_has_probability,
    ),
    "wrong odds": (
        {DRAWS: f"{ODDS}torch.softmax(2 * logprobs, -1)"},
        decoding.the_chooser_s_odds_are_those_of_its_picks,
    ),
    "own numbers": (
        {DRAWS: f"{CALL}torch.multinomial(logprobs.exp(), 1)[:, 0]"},
        decoding.the_same_seed_writes_the_same_text_and_no_global_state_is_touched,
    ),
}


def test_a_strategy_without_mistakes_passes_every_check(tmp_path: Path) -> None:
    path = tmp_path / "steps.py"
    path.write_text(STRATEGY)
    assert {outcome.verdict for outcome in check_decoding(str(path))} == {"pass"}


@pytest.mark.parametrize("mistake", WRONG_STRATEGIES)
def test_each_mistake_in_a_strategy_is_found_by_the_check_meant_for_it(mistake: str, tmp_path: Path) -> None:
    changes, check = WRONG_STRATEGIES[mistake]
    path = tmp_path / "steps.py"
    path.write_text(changed(STRATEGY, changes))
    with pytest.raises(AssertionError):
        check(StrategyOnTrial(str(path), ()))


def test_the_models_that_play_a_part_keep_the_contract_themselves() -> None:
    actor = Actor(MARKOV.size, MARKOV.start_token)
    for begin in range(0, 200, 20):
        actor.learn(MARKOV.stream[begin : begin + 10].tolist(), MARKOV.stream[begin + 10 : begin + 20].tolist())
    subject = Subject(ActorConfig(), MARKOV)
    subject.__dict__["model"] = actor
    for check in FIT_CHECKS:
        check(subject)


def test_an_actor_says_what_it_learnt_and_what_it_learnt_first_goes_first() -> None:
    actor = Actor(6, 5)
    actor.learn([0, 1], [2, 2])
    actor.learn([0, 1], [3])
    actor.learn([], [0, 4])
    for read, expected in (([], 0), ([0], 4), ([0, 1], 2), ([0, 1, 2, 2], 5), ([0, 1, 3], 5), ([4, 4], 5)):
        _, state = actor.read(actor.start(), torch.tensor([read], dtype=torch.int64))
        assert int(state.logprobs.argmax()) == expected
