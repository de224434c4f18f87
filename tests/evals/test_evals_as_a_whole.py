"""What holds for every eval that comes with bakeoff; and who knows nothing gets what guessing gets: a uniform model
exactly, one that scores at random on average."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest
import torch

from evals.arithmetic import Arithmetic
from evals.compression import Compression
from evals.perplexity import Perplexity
from evals.turn_ends import TurnEnds
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.completion.sequence import Completion
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Metric
from harness.evaluation.questions import questions, scored
from harness.evaluation.requests import Answer
from harness.evaluation.rows import table
from harness.plugin_kit.chain import TableModel
from harness.scoring.answers import Likelihood
from harness.text.transcript_format import HUMAN_ASSISTANT
from models.language_model import LanguageModel
from tests.conftest import ROOT
from tests.evals.speakers import TOKENIZER, corpus

NAMES = sorted(path.stem for path in (ROOT / "evals").glob("[a-z]*.py"))
DOCS = (ROOT / "docs/evals.md").read_text()


def eval_class(name: str) -> type[Eval]:
    module = importlib.import_module(f"evals.{name}")
    [found] = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__ and issubclass(one, Eval)
    ]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_of_a_model_is_described_and_documented(name: str) -> None:
    described = eval_class(name).descriptions
    assert {measure.name for measure in eval_class(name).measures if measure.baseline is None} <= described.keys()
    section = DOCS.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", section))
    between = {"distinct_2"}  # "distinct_1 to distinct_3"
    assert described.keys() - documented <= between
    assert all(text.endswith(".") for text in described.values())


MATERIAL = Material(corpus(HUMAN_ASSISTANT), TOKENIZER)


def uniform(of_start: float = 0.0) -> TableModel:
    """The same for each of the 256 bytes. of_start: the logit of the start token, which ends a document."""
    logits = torch.zeros(TOKENIZER.vocab_size, TOKENIZER.vocab_size)
    logits[:, TOKENIZER.start_token] = of_start
    return TableModel(logits, TOKENIZER.start_token)


def found(eval: Eval, model: LanguageModel) -> dict[str, Metric]:
    asked = questions(eval, MATERIAL, seed=0)
    respondent = Respondent(model, TOKENIZER, DecodingStrategy(Greedy()))
    rows = scored(eval, asked, ask(respondent, asked.requests, asked.seeds, "test"), MATERIAL).rows
    return {metric.metric: metric for metric in eval.metrics(rows) if metric.slice == "all"}


def test_a_uniform_model_needs_eight_bits_a_byte_and_its_files_as_many() -> None:
    bits = found(Perplexity(), uniform(of_start=-100.0))["bits_per_byte"]
    assert bits.chance == 8.0
    assert bits.value == pytest.approx(8.0, abs=1e-6)
    compressed = found(Compression(), uniform())
    assert compressed["as_claimed"].value == compressed["restored"].value == 1.0
    assert compressed["compressed_bits_per_byte"].value == pytest.approx(8.0, rel=0.02)  # with its length and end


def test_a_uniform_model_can_not_tell_where_turns_end() -> None:
    metrics = found(TurnEnds(), uniform())
    for name in ("turn_end_auc", "turn_end_average_precision"):
        assert metrics[name].value == pytest.approx(metrics[name].chance, abs=1e-12)


def test_random_scores_tell_where_turns_end_by_chance_alone() -> None:
    """The interval holds chance in about 95 of 100 drawings; fewer than eight of ten would be a fault."""
    eval = TurnEnds()
    asked = questions(eval, MATERIAL, seed=0)
    areas, held = [], []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        answers: list[list[Answer]] = [
            [Likelihood(float(generator.exponential()), 1) for _ in requests] for requests in asked.requests
        ]
        rows = scored(eval, asked, answers, MATERIAL).rows
        [area] = [one for one in eval.metrics(rows) if (one.metric, one.slice) == ("turn_end_auc", "all")]
        assert area.ci_low is not None
        assert area.ci_high is not None
        held.append(area.ci_low <= 0.5 <= area.ci_high)
        areas.append(area.value)
    assert sum(held) >= 8
    assert np.mean(areas) == pytest.approx(0.5, abs=0.1)  # type: ignore[arg-type]


def test_always_the_same_sum_gets_chance_on_average_over_the_sums_that_there_are() -> None:
    eval = Arithmetic(num_samples=30, num_votes=0)
    samples = list(eval.samples(MATERIAL))
    targets = sorted({sample.target for sample in samples})
    values = []
    for guess in targets:
        answers = [Completion(guess, (), (), (), "stop", None), Likelihood(1.0, 1, False)]
        scores = [eval.score(sample, answers, MATERIAL) for sample in samples]
        metrics = {one.metric: one for one in eval.metrics(table(eval.name, samples, scores)) if one.slice == "all"}
        values.append(metrics["exact_match"].value)
    assert np.mean(values) == pytest.approx(metrics["exact_match"].chance)  # type: ignore[arg-type]
