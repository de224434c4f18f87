"""Our evals as lm_eval tasks: the same numbers as in our runs, for any lm_eval model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager
from transformers import AutoTokenizer

from evals.format_questions import QUESTIONS
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.config.compose import compose
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Material
from harness.evaluation.rows import measured, table
from harness.lm_eval import TASKS_FOLDER
from harness.lm_eval.model import BakeoffLM
from harness.runs.settings import typed
from harness.text.data.arithmetic_problems import problems
from harness.text.data.arithmetic_wording import Wording
from harness.text.data.conversations import Chat
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.fits import Fit
from models.settings.ngram import NGramConfig
from tests.harness.lm_eval import peer

BYTES = ByteTokenizerSettings().train([])


@pytest.fixture(scope="module")
def fit() -> Fit:
    """A model fitted to conversations and a third of the sums that it is asked."""
    texts = [document.text for document in Chat().load().train[:300]]
    known = problems("test", 60, 0)[::3]
    texts += ["\n".join("".join(Wording("plain").render(problem)) for problem in known)] * 20
    ids = [part for text in texts for part in (BYTES.start_token, *BYTES.encode(text).tolist())]
    model = NGramConfig(order=12).build(BYTES.vocab_size, BYTES.start_token)
    model.count(torch.tensor(ids))
    model.finish()
    return Fit("ngram", Path(), model, BYTES, {})


def evaluated(model: Any, task: str, **options: Any) -> dict[str, Any]:
    results = simple_evaluate(
        model=model,
        tasks=[task],
        task_manager=TaskManager(include_path=str(TASKS_FOLDER), metadata=options.pop("metadata", None)),
        **options,
    )
    assert results is not None
    return {name.partition(",")[0]: value for name, value in results["results"][task].items() if name.endswith(",none")}


def native(fit: Fit, overrides: list[str], limit: int) -> dict[str, float]:
    """The means of the measures over the first samples, as in our runs."""
    settings = typed(compose(overrides))
    [eval] = settings.evals.values()
    material = Material(settings.data.load(), fit.tokenizer)
    samples = list(eval.samples(material))[:limit]
    requests = [eval.requests(sample, material) for sample in samples]
    seeds = [[0] * len(request) for request in requests]
    answers = ask(Respondent(fit.model, fit.tokenizer, DecodingStrategy(Greedy())), requests, seeds, "test")
    scores = [
        eval.score(sample, sample_answers, material) for sample, sample_answers in zip(samples, answers, strict=True)
    ]
    rows = table(eval.name, samples, scores)
    return {name: float(measured(rows, name).mean()) for name in scores[0].values}


def test_sums_come_out_as_in_a_run(fit: Fit) -> None:
    results = evaluated(BakeoffLM(fit), "bakeoff_arithmetic_plain", limit=60)
    expected = native(fit, ["evals=[arithmetic]", "evals.arithmetic.style=plain", "data=arithmetic"], 60)
    measures = {name: value for name, value in results.items() if not name.endswith("_stderr")}
    assert measures.keys() == {"exact_match", "target_greedy", "target_nats", "answered", "digit_accuracy"}
    assert 0.2 < measures["exact_match"] < 0.9
    assert measures == pytest.approx({name: expected[name] for name in measures}, abs=1e-9)


def test_turn_taking_comes_out_as_in_a_run(fit: Fit) -> None:
    results = evaluated(BakeoffLM(fit), "bakeoff_turn_taking", limit=12)
    expected = native(fit, ["evals=[turn_taking]", "data=chat"], 12)
    measures = {name: value for name, value in results.items() if not name.endswith("_stderr")}
    assert measures["handed_back"] > 0
    assert measures == pytest.approx({name: expected[name] for name in measures}, abs=1e-9)


def test_questions_about_the_format_come_out_as_in_a_run(fit: Fit) -> None:
    results = evaluated(BakeoffLM(fit), "bakeoff_format_questions")
    expected = native(fit, ["evals=[format_questions]", "data=chat"], 16)
    assert results["cut_by_its_own_words"] == pytest.approx(expected["cut_by_its_own_words"], abs=1e-9)


def test_any_model_of_lm_eval_s_can_be_asked(tmp_path: Path) -> None:
    theirs = peer.their_model(peer.write(tmp_path))
    more = {"overrides": ["evals.arithmetic.num_samples=4", "evals.arithmetic.max_digits=1"]}
    results = evaluated(theirs, "bakeoff_arithmetic_plain", metadata=more)
    assert results["target_nats"] > 0


def test_a_conversation_too_long_for_the_window_loses_whole_turns_and_a_missing_start_token_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = str(peer.write(tmp_path))
    overrides = [f"evals.turn_taking.{name}" for name in ("num_samples=60", "max_new_tokens=20")]

    def contexts(**model_args: Any) -> list[tuple[str, str]]:
        manager = TaskManager(include_path=str(TASKS_FOLDER), metadata={"overrides": overrides, **model_args})
        [task] = manager.load(["bakeoff_turn_taking"])["tasks"].values()
        task.build_all_requests(rank=0, world_size=1)
        return [(instance.doc["prompt"], instance.args[0]) for instance in task.instances]

    with caplog.at_level(logging.WARNING, "bakeoff"):
        logging.getLogger("bakeoff").addHandler(caplog.handler)
        assert all(asked == prompt for prompt, asked in contexts())
        put = contexts(pretrained=folder, add_bos_token=True)
        assert caplog.text == ""
        contexts(pretrained=folder, add_bos_token=False)
        logging.getLogger("bakeoff").removeHandler(caplog.handler)
    assert "bakeoff_turn_taking: texts don't begin with a start token" in caplog.text
    assert "add_bos_token=True" in caplog.text
    assert {asked == prompt for prompt, asked in put} == {True, False}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for prompt, asked in put:
        assert prompt.endswith(asked)
        assert asked.startswith(("Human:", "Assistant:"))
        assert len(tokenizer.encode(asked, add_special_tokens=True)) + 20 <= 64 or asked.count("\n\n") == 0


def test_other_options_are_given_by_metadata(fit: Fit) -> None:
    more = {"overrides": ["evals.arithmetic.num_samples=5", "evals.arithmetic.num_shots=2"]}
    manager = TaskManager(include_path=str(TASKS_FOLDER), metadata=more)
    [task] = manager.load(["bakeoff_arithmetic_qa"])["tasks"].values()
    prompts = [doc["prompt"] for doc in task.eval_docs]
    assert len(prompts) == 5
    assert all(prompt.count("Question:") == 3 for prompt in prompts)


@pytest.mark.parametrize("path", sorted(TASKS_FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_task_that_is_offered_loads(path: Path) -> None:
    name = f"bakeoff_{path.stem}"
    [task] = TaskManager(include_path=str(TASKS_FOLDER)).load([name])["tasks"].values()
    assert task.task_name == name
    assert task.eval_docs.num_rows >= (2 * len(QUESTIONS) if path.stem == "format_questions" else 100)
