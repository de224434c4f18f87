"""Measures of texts with known answers: the real continuation, training text, the same text twice."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from evals.generation import Generation
from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.transform import Chooser
from harness.completion.engine import DecodingStrategy
from harness.completion.sequence import Completion
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Material
from harness.evaluation.metric import Baseline, Metric
from harness.evaluation.requests import Complete, Sample
from harness.evaluation.rows import table
from harness.plugin_kit.chain import TableModel
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.references import ReferenceModels
from harness.training.workshop import Workshop
from models.language_model import LanguageModel, ModelConfig
from models.settings.ngram import NGramConfig

TOKENIZER = ByteTokenizerSettings().train([])
VERSE = "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer. "


def shuffled(seed: int, num_words: int = 400) -> str:
    words = VERSE.split()
    return " ".join(random.Random(seed).choices([*words, "naïve", "🙂", "slings", "arrows", "sea"], k=num_words))


def document(name: str, text: str) -> Document:
    return Document(name, text, "plays" if name[0] == "p" else "chat", name)


CORPUS = Corpus(
    "toy",
    tuple(document(f"p{seed}", shuffled(seed)) for seed in range(3)),
    (document("pv", shuffled(9)),),
    (
        *(document(f"p{seed}", shuffled(seed)) for seed in range(10, 16)),
        document("c1", shuffled(20)),
        document("c2", "short"),
    ),
)
EVAL = Generation(NGramConfig(order=3), num_prompts=12, num_completions=3, prompt_chars=40, continuation_chars=120)


def reference(config: ModelConfig) -> tuple[LanguageModel, Tokenizer]:
    assert isinstance(config, NGramConfig)
    model = config.build(TOKENIZER.vocab_size, TOKENIZER.start_token)
    for text in CORPUS.train:
        model.count(torch.tensor([TOKENIZER.start_token, *TOKENIZER.encode(text.text).tolist()]))
    model.finish()
    return model, TOKENIZER


FITTED = reference(EVAL.reference)
MATERIAL = Material(CORPUS, TOKENIZER, lambda config: FITTED)


def completion(text: str) -> Completion:
    return Completion(text, tuple(TOKENIZER.encode(text).tolist()), (), (), "length", None)


def rows_of(texts: dict[str, Sequence[str]], eval: Generation = EVAL) -> pd.DataFrame:
    """The scored rows of these completions. texts: by sample."""
    samples = [sample for sample in eval.samples(MATERIAL) if sample.id in texts]
    scores = [eval.score(s, [completion(text) for text in texts[s.id]], MATERIAL) for s in samples]
    return table(eval.name, samples, scores)


def found(rows: pd.DataFrame, part: str = "all") -> dict[str, Metric]:
    return {metric.metric: metric for metric in EVAL.metrics(rows) if metric.slice == part}


def everyone(write: str | None = None) -> dict[str, Sequence[str]]:
    """Each prompt's completions: this text, or the real continuation."""
    return {sample.id: [sample.target if write is None else write] * 3 for sample in EVAL.samples(MATERIAL)}


def test_prompts_and_real_continuations_are_stretches_of_held_out_documents() -> None:
    samples = list(EVAL.samples(MATERIAL))
    assert len(samples) == 12
    assert len({sample.id for sample in samples}) == 12
    whole = {held_out.id: held_out.text for held_out in CORPUS.test}
    for sample in samples:
        name, _, begin = sample.id.partition("@")
        assert whole[name][int(begin) :].startswith(sample.prompt + sample.target)
        assert (len(sample.prompt), len(sample.target), sample.cluster) == (40, 120, name)


def test_a_smaller_eval_asks_part_of_what_a_larger_one_asks() -> None:
    ids = [sample.id for sample in EVAL.samples(MATERIAL)]
    fewer = Generation(EVAL.reference, num_prompts=5, prompt_chars=40, continuation_chars=120)
    assert [sample.id for sample in fewer.samples(MATERIAL)] == ids[:5]


def test_a_completion_may_take_as_many_tokens_as_the_real_continuation_has() -> None:
    for sample in EVAL.samples(MATERIAL):
        requests = EVAL.requests(sample, MATERIAL)
        assert requests == [Complete(sample.prompt, len(sample.target.encode()))] * 3


def test_a_model_that_writes_the_real_continuations_has_all_of_their_figures() -> None:
    metrics = found(rows_of(everyone()))
    real = {name.removeprefix("real_"): metric for name, metric in metrics.items() if name.startswith("real_")}
    assert real.keys() == {name for name in metrics if not name.startswith("real_")} - {"diversity"}
    for name, metric in real.items():
        of_model = metrics[name]
        assert metric.value == pytest.approx(of_model.value), name
        assert (metric.ci_low, metric.ci_high) == pytest.approx((of_model.ci_low, of_model.ci_high)), name
        assert metric.higher_is_better is None
        assert metric.value is not None, name
        assert metric.baseline == Baseline(name, "real")
        assert (metric.uses_decoding, of_model.uses_decoding, of_model.baseline) == (False, True, None)
        # people repeat themselves and quote too: no figure is the better the lower it is
        assert (of_model.higher_is_better, metric.nearest_to) == (None, None)
        assert of_model.nearest_to == (None if name in {"completion_bytes", "longest_copied"} else metric.metric)
    assert metrics["diversity"].value == 0
    assert EVAL.descriptions.keys() == {name for name in metrics if not name.startswith("real_")}


def test_training_text_is_found_to_be_copied_and_other_text_is_not() -> None:
    rows = rows_of(everyone(CORPUS.train[1].text[17:137]))
    metrics = found(rows)
    size = len(CORPUS.train[1].text[17:137].encode())
    assert metrics["copied"].value == 1
    assert metrics["longest_copied"].value == size
    metrics = found(rows_of(everyone(CORPUS.train[1].text[17:97] + "#" * 80)))
    size = len(CORPUS.train[1].text[17:97].encode())
    assert metrics["copied"].value == pytest.approx(size / (size + 80))
    metrics = found(rows_of(everyone("zxcvb" * 24)))
    assert (metrics["copied"].value, metrics["longest_copied"].value) == (0, 0)


def test_reference_bits_are_those_of_the_completion_after_its_prompt() -> None:
    model = FITTED[0]
    nats, num_bytes = 0.0, 0
    texts = {sample.id: [sample.target[:50], VERSE, "é"] for sample in EVAL.samples(MATERIAL)}
    for sample in EVAL.samples(MATERIAL):
        for text in texts[sample.id]:
            tokens = torch.from_numpy(TOKENIZER.encode(sample.prompt + text))[None]
            logprobs = model.token_logprobs(tokens)[0, len(sample.prompt.encode()) :]
            nats -= float(logprobs.double().sum())
            num_bytes += len(text.encode())
    bits = found(rows_of(texts))["reference_bits_per_byte"]
    assert bits.value == pytest.approx(nats / math.log(2) / num_bytes, rel=1e-6)
    assert (bits.n, bits.n_total) == (12, 12)


@pytest.mark.parametrize(("chooser", "diversity"), [(Greedy(), 0.0), (Draw(), 1.0)])
def test_completions_of_one_prompt_differ_only_where_the_strategy_draws(chooser: Chooser, diversity: float) -> None:
    logits = torch.randn(TOKENIZER.vocab_size, TOKENIZER.vocab_size, generator=torch.Generator().manual_seed(0))
    logits[:, 128:] = -math.inf
    model = TableModel(logits, TOKENIZER.start_token)
    samples = list(EVAL.samples(MATERIAL))
    requests = [EVAL.requests(sample, MATERIAL) for sample in samples]
    seeds = [[100 * i + j for j in range(3)] for i in range(len(samples))]
    answers = ask(Respondent(model, TOKENIZER, DecodingStrategy(chooser)), requests, seeds, "test")
    scores = [EVAL.score(sample, given, MATERIAL) for sample, given in zip(samples, answers, strict=True)]
    metrics = found(table(EVAL.name, samples, scores))
    assert metrics["diversity"].value == pytest.approx(diversity, abs=0.01)
    # Greedy decoding from a Markov chain comes round to where it was; draws don't.
    assert metrics["repetition"].value is not None
    assert (metrics["repetition"].value > 0.5) == (diversity == 0)
    assert metrics["completion_bytes"].value == pytest.approx(np.mean([len(s.target.encode()) for s in samples]))


def test_an_empty_completion_gives_a_missing_value_and_not_zero() -> None:
    metrics = found(rows_of(everyone("")))
    for name in ("repetition", "diversity", "copied", "distinct_1", "zipf_exponent", "reference_bits_per_byte"):
        assert metrics[name].value is None, name
        assert metrics[name].reason, name
        assert metrics[name].n_total == 12
    assert metrics["completion_bytes"].value == 0
    assert metrics["real_repetition"].value is not None


def test_a_reference_without_a_probability_gives_a_reason() -> None:
    config = NGramConfig(order=3, smoothing="maximum_likelihood")
    fitted = reference(config)
    material = Material(CORPUS, TOKENIZER, lambda config: fitted)
    eval = Generation(config, num_prompts=2, prompt_chars=40, continuation_chars=120)
    samples = list(eval.samples(material))
    scores = [eval.score(sample, [completion("#$%")] * 2, material) for sample in samples]
    metrics = found(table(eval.name, samples, scores))
    assert metrics["reference_bits_per_byte"].value is None
    assert "2 of 2 prompts' texts no probability" in str(metrics["reference_bits_per_byte"].reason)


def test_every_source_has_the_same_measures() -> None:
    rows = rows_of(everyone())
    sources = {part: found(rows, f"source={part}") for part in ("plays", "chat")}
    assert sources["plays"].keys() == sources["chat"].keys() == found(rows).keys()
    assert sources["plays"]["repetition"].n + sources["chat"]["repetition"].n == 12


def test_documents_that_are_too_short_give_no_prompts() -> None:
    short = Corpus("toy", CORPUS.train, CORPUS.validation, CORPUS.test[-1:])
    assert list(EVAL.samples(Material(short, TOKENIZER))) == []


@pytest.mark.parametrize(
    "wrong", [{"num_prompts": 0}, {"num_completions": 1}, {"prompt_chars": 0}, {"continuation_chars": 0}]
)
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=. is not allowed"):
        Generation(NGramConfig(), **wrong)


def test_without_reference_models_the_eval_says_so() -> None:
    sample = Sample("x", "prompt", target="target")
    with pytest.raises(UserError, match="no model to measure against"):
        EVAL.score(sample, [completion("a")] * 3, Material(CORPUS, TOKENIZER))


def test_a_reference_model_is_a_fit_to_the_bytes_of_the_training_text_made_once(tmp_path: Path) -> None:
    config = NGramConfig(order=3)
    workshop = Workshop(ResultsFolder(tmp_path), torch.device("cpu"))
    finder = ReferenceModels(CORPUS, workshop)
    model, tokenizer = finder(config)
    assert finder(config)[0] is model
    assert tokenizer.fingerprint == TOKENIZER.fingerprint
    text = torch.from_numpy(TOKENIZER.encode(VERSE))[None]
    assert torch.equal(model.token_logprobs(text), FITTED[0].token_logprobs(text))
    [made] = (tmp_path / "fits").iterdir()
    before = (made / "fit.json").stat().st_mtime_ns
    again, _ = ReferenceModels(CORPUS, workshop)(NGramConfig(order=3, counting_megabytes=7))
    assert torch.equal(again.token_logprobs(text), model.token_logprobs(text))
    assert (made / "fit.json").stat().st_mtime_ns == before
    finder(NGramConfig(order=2))
    assert len(list((tmp_path / "fits").iterdir())) == 2
