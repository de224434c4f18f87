"""lm_eval's tasks in our runs: its numbers, our intervals, one row for each document."""

from __future__ import annotations

import functools
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

from evals.arithmetic import Arithmetic
from evals.lm_eval import LmEval
from harness.cli.main import status_of
from harness.common.errors import UserError
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.config.identity import identity
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Formula, Metric
from harness.evaluation.rows import table
from harness.evaluation.validity import check_metrics
from harness.lm_eval import questions
from harness.lm_eval.model import BakeoffLM
from harness.plugin_kit.chain import TableModel
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.fits import Fit
from models.language_model import LanguageModel
from models.settings.ngram import NGramConfig
from tests.harness.lm_eval.tasks import CHOICES, SUMS, TEXTS, write_tasks

BYTES = ByteTokenizerSettings().train([])
MATERIAL = Material(Corpus("none", (), (), ()), BYTES)
NAMES = ("toy_group", "toy_texts", "toy_written", "toy_filtered")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tasks(tmp_path_factory.mktemp("tasks")))


@pytest.fixture(autouse=True)
def no_built_in_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    own = functools.partialmethod(TaskManager.__init__, include_defaults=False)
    monkeypatch.setattr(TaskManager, "__init__", own)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    """A model that knows some of the answers."""
    text = "\n".join(["".join(doc.values()) for doc in SUMS[::2]] + [str(doc["question"]) for doc in CHOICES] + TEXTS)
    model = NGramConfig(order=20).build(BYTES.vocab_size, BYTES.start_token)
    model.count(torch.tensor([BYTES.start_token, *BYTES.encode(text * 3)]))
    model.finish()
    return model


def scored(eval: Eval, model: LanguageModel, seed: int = 0) -> tuple[pd.DataFrame, dict[str, Metric]]:
    samples = list(eval.samples(MATERIAL))
    requests = [eval.requests(sample, MATERIAL) for sample in samples]
    seeds = [[seed] * len(request) for request in requests]
    answers = ask(Respondent(model, BYTES, DecodingStrategy(Greedy())), requests, seeds, "test")
    scores = [eval.score(sample, given, MATERIAL) for sample, given in zip(samples, answers, strict=True)]
    rows = table(eval.name, samples, scores)
    metrics = eval.metrics(rows)
    check_metrics(eval, metrics, rows)
    return rows, {metric.metric: metric for metric in metrics if metric.slice == "all"}


@pytest.fixture(scope="module")
def theirs(tasks: str, model: LanguageModel) -> dict[str, Any]:
    """The results of lm_eval's own evaluation of the same model, by our metric names."""
    manager = TaskManager(include_path=tasks, include_defaults=False)
    lm = BakeoffLM(Fit("test", Path(), model, BYTES, {}))
    evaluated = simple_evaluate(model=lm, tasks=list(NAMES), task_manager=manager, bootstrap_iters=0)
    assert evaluated is not None
    return {
        f"{task}.{name.removesuffix(',none')}": value
        for task, of_task in evaluated["results"].items()
        for name, value in of_task.items()
        if isinstance(value, float) and "stderr" not in name
    }


def test_every_number_is_lm_eval_s(tasks: str, model: LanguageModel, theirs: dict[str, Any]) -> None:
    rows, metrics = scored(LmEval(list(NAMES), tasks), model)
    assert {name: metric.value for name, metric in metrics.items()} == pytest.approx(theirs, rel=1e-9)
    assert 0 < float(metrics["toy_sums.acc"].value or 0) < 1
    assert {"toy_group.acc", "toy_choices.mcc", "toy_filtered.exact_match,number"} <= metrics.keys()
    assert len(rows) == len(SUMS) + len(CHOICES) + len(TEXTS) + 12 + 12
    for metric in metrics.values():
        assert metric.n == metric.n_total > 0


def test_intervals_are_ours_where_there_are_values_else_lm_eval_s(tasks: str, model: LanguageModel) -> None:
    _, metrics = scored(LmEval(list(NAMES), tasks), model)
    for name in ("toy_sums.acc", "toy_sums.perplexity"):
        metric = metrics[name]
        assert metric.ci_low is not None, name
        assert metric.value is not None
        assert metric.ci_low < metric.value < (metric.ci_high or 0), name
    assert metrics["toy_sums.acc"].unit == "share"
    assert metrics["toy_texts.bits_per_byte"].unit == "bits/byte"
    for name in ("toy_texts.bits_per_byte", "toy_texts.word_perplexity"):
        assert metrics[name].ci_low is None
        assert "no interval, which takes 5" in str(metrics[name].reason)
    for name in ("toy_group.acc", "toy_choices.mcc"):
        assert metrics[name].reason == "lm_eval's own standard error"
    assert metrics["toy_sums.perplexity"].higher_is_better is False


def test_chance_is_known_where_there_are_choices(tasks: str, model: LanguageModel) -> None:
    _, metrics = scored(LmEval(["toy_choices", "toy_sums"], tasks), model)
    assert metrics["toy_choices.acc"].chance == pytest.approx(1 / 3)
    assert metrics["toy_sums.acc"].chance is None


def test_rows_have_stable_ids_and_each_document_s_values(tasks: str, model: LanguageModel) -> None:
    rows, metrics = scored(LmEval(["toy_sums", "toy_choices"], tasks, limit=5), model)
    assert rows["sample_id"].tolist() == [f"toy_sums/{n}" for n in range(5)] + [f"toy_choices/{n}" for n in range(5)]
    assert rows["prompt"].tolist()[:5] == [doc["context"] for doc in SUMS[:5]]
    assert rows["target"].tolist()[:6] == [*(doc["completion"] for doc in SUMS[:5]), "four"]
    values = [json.loads(text) for text in rows["values"]]
    assert np.mean([one["toy_sums.acc"] for one in values[:5]]) == metrics["toy_sums.acc"].value
    assert {f"loglikelihood.{place}" for place in range(3)} < values[5].keys()
    assert rows["nats"][0] == pytest.approx(-values[0]["loglikelihood.0"])
    assert rows["num_bytes"][0] == len(SUMS[0]["completion"])


def test_metrics_come_from_the_rows_alone(tasks: str, model: LanguageModel, tmp_path: Path) -> None:
    eval = LmEval(list(NAMES), tasks)
    rows, metrics = scored(eval, model)
    rows.to_parquet(tmp_path / "rows.parquet")
    again = eval.metrics(pd.read_parquet(tmp_path / "rows.parquet"))
    assert {metric.metric: metric for metric in again} == metrics


def test_a_document_without_a_probability_is_missing_and_not_zero(tasks: str) -> None:
    logits = torch.zeros(BYTES.vocab_size, BYTES.vocab_size)
    logits[:, ord("é".encode()[0:1])] = -torch.inf
    rows, metrics = scored(LmEval(["toy_texts"], tasks), TableModel(logits, BYTES.start_token))
    assert rows["nats"].isna().tolist() == ["é" in text for text in TEXTS]
    for metric in metrics.values():
        assert metric.value is None
        assert metric.reason == "the model gives 1 of 4 documents no probability"


def test_a_model_without_probabilities_has_no_numbers_and_a_reason(tasks: str) -> None:
    model = NGramConfig(smoothing="stupid_backoff", order=2).build(BYTES.vocab_size, BYTES.start_token)
    model.count(torch.tensor([BYTES.start_token, *BYTES.encode("".join(TEXTS))]))
    model.finish()
    _, metrics = scored(LmEval(["toy_sums", "toy_written"], tasks), model)
    assert metrics["toy_sums.acc"].value is None
    assert metrics["toy_sums.acc"].reason == f"the model gives {len(SUMS)} of {len(SUMS)} documents no probability"
    assert metrics["toy_written.exact_match"].n == 12


def test_each_metric_says_how_it_follows_from_the_rows_and_whether_text_was_written(
    tasks: str, model: LanguageModel
) -> None:
    _, metrics = scored(LmEval(list(NAMES), tasks), model)
    bits = Formula("toy_texts.bits_per_byte.nats", "toy_texts.bits_per_byte.bytes", 1 / math.log(2))
    assert metrics["toy_texts.bits_per_byte"].formula == bits
    assert metrics["toy_sums.acc"].formula == Formula("toy_sums.acc")
    for name in ("toy_texts.word_perplexity", "toy_choices.mcc", "toy_group.acc"):
        assert metrics[name].formula is None
    assert not metrics["toy_sums.acc"].uses_decoding
    assert metrics["toy_written.exact_match"].uses_decoding


def test_likelihoods_do_not_depend_on_the_decoding_strategy(tasks: str) -> None:
    assert not LmEval(["toy_sums", "toy_texts"], tasks).uses_decoding
    assert LmEval(["toy_sums", "toy_written"], tasks).uses_decoding


def test_prompts_are_lm_eval_s_with_examples_and_as_a_transcript(tasks: str) -> None:
    shots = LmEval(["toy_written"], tasks, num_fewshot=2, limit=0.25)
    samples = list(shots.samples(MATERIAL))
    assert len(samples) == 3
    assert all(sample.prompt.count("Question: ") == 3 for sample in samples)
    assert [sample.prompt for sample in samples] == [sample.prompt for sample in shots.samples(MATERIAL)]
    [chat, *_] = LmEval(["toy_written"], tasks, num_fewshot=1, apply_chat_template=True).samples(MATERIAL)
    assert chat.prompt.count("Human: Question: ") == 2
    assert chat.prompt.endswith("\n\nAssistant: ")


def test_our_own_eval_gives_the_same_numbers_through_lm_eval(model: LanguageModel) -> None:
    rows, metrics = scored(LmEval(["bakeoff_arithmetic_qa"]), model)
    _, native = scored(Arithmetic(style="qa"), model)
    assert len(rows) == 500
    for name in ("exact_match", "target_greedy", "target_nats", "answered", "digit_accuracy"):
        ours, round_trip = native[name], metrics[f"bakeoff_arithmetic_qa.{name}"]
        assert (round_trip.value, round_trip.n) == (pytest.approx(ours.value, rel=1e-9), ours.n)


def test_other_documents_under_the_same_name_are_another_eval(tmp_path: Path) -> None:
    eval = LmEval(["toy_texts"], str(write_tasks(tmp_path)))
    before = identity(eval)
    questions.load.cache_clear()
    assert identity(eval) == before
    (tmp_path / "toy_texts.json").write_text('{"text": "another"}')
    questions.load.cache_clear()
    assert identity(eval) != before


def test_global_random_states_stay_as_they_were(tasks: str) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    questions.load.cache_clear()
    list(LmEval(["toy_written"], tasks, num_fewshot=1).samples(MATERIAL))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("toy_sumss", "no task 'toy_sumss'.*Did you mean 'toy_sums'"),
        ("far_away", "task far_away needs the data set somebody/far_away"),
        ("unsafe", "runs code"),
        ("broken", "can't load broken .ModuleNotFoundError: No module named 'a_package_that_is_missing'"),
    ],
)
def test_a_task_that_cannot_be_asked_is_refused(tmp_path: Path, task: str, words: str) -> None:
    folder = write_tasks(tmp_path)
    split = "test_split: test\ndoc_to_text: '?'\ndoc_to_target: '!'\n"
    (folder / "far_away.yaml").write_text(f"task: far_away\ndataset_path: somebody/far_away\n{split}")
    (folder / "unsafe.yaml").write_text("include: toy_written.yaml\ntask: unsafe\nunsafe_code: true\n")
    (folder / "utils.py").write_text("import a_package_that_is_missing\ndef target(doc): ...\n")
    (folder / "broken.yaml").write_text("include: toy_sums.yaml\ntask: broken\ndoc_to_target: !function utils.target\n")
    with pytest.raises(UserError, match=words):
        identity(LmEval([task], str(folder)))


def test_wrong_options_are_refused() -> None:
    for options in ({"tasks": []}, {"tasks": ["x"], "limit": 0.0}, {"tasks": ["x"], "num_fewshot": -1}):
        with pytest.raises(ValueError, match=r"tasks is empty|not allowed"):
            LmEval(**options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="include_path=/nowhere is no folder"):
        LmEval(["x"], "/nowhere")
    with pytest.raises(UserError, match=r"no task 'bakeoff_arithmetik'. Did you mean 'bakeoff_arithmetic'"):
        LmEval(["bakeoff_arithmetik"])


def test_a_run_records_them_and_scores_likelihoods_once(tasks: str, tmp_path: Path) -> None:
    run = ["run", "model=bigram", "data=chatterbot", "tracking=none", "evals=[lm_eval]", f"results_dir={tmp_path}"]
    overrides = [f"evals.lm_eval.include_path={tasks}", "evals.lm_eval.tasks=[toy_sums,toy_choices]"]
    for decoding in ("greedy", "temperature"):
        assert status_of([*run, *overrides, f"decoding={decoding}"]) == 0
    assert len(list((tmp_path / "scores").glob("*.parquet"))) == 1
    for path in tmp_path.glob("default/*/run.json"):
        names = [metric["metric"] for metric in json.loads(path.read_text())["metrics"]]
        assert names[:2] == ["toy_sums.perplexity", "toy_sums.acc"]
        assert len(pd.read_parquet(path.parent / "samples.parquet")) == len(SUMS) + len(CHOICES)


def test_a_run_of_a_task_that_is_not_there_is_refused_before_it_begins(tmp_path: Path) -> None:
    run = ["run", "model=bigram", "data=chatterbot", "tracking=none", f"results_dir={tmp_path}"]
    assert status_of([*run, "evals=[perplexity,lm_eval]", "evals.lm_eval.tasks=[nothing_like_it]"]) == 2
    assert not list(tmp_path.iterdir())


def test_tokens_are_picked_by_the_run_s_strategy(tmp_path: Path, model: LanguageModel) -> None:
    folder = write_tasks(tmp_path)
    options = {"until": ["\n"], "max_gen_toks": 8, "num_beams": 4}
    beams = {"include": "toy_written.yaml", "task": "beams", "generation_kwargs": options}
    (folder / "beams.yaml").write_text(yaml.safe_dump(beams))
    _, metrics = scored(LmEval(["toy_written", "beams"], str(folder)), model)
    assert metrics["beams.exact_match"].value == metrics["toy_written.exact_match"].value
