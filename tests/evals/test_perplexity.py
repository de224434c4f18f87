"""Perplexity against lm-evaluation-harness's own formulas, counts by hand, and its own invariants."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from lm_eval.api import metrics as lm_eval_metrics

from evals.perplexity import Perplexity
from harness.asking import ask
from harness.decoding import DecodingStrategy, Greedy
from harness.evaluation import Likelihood, Material, Sample, table
from harness.record import Metric
from harness.text.byte_tokenizer import ByteTokenizerSettings
from harness.text.corpus import Corpus, Document
from models.language_model import LanguageModel
from models.unigram import UnigramConfig
from tests.toys import TableModel

TEXTS = ["To be, or not\nto be:", "that is the question", "naïve 🙂  café", "a"]
TOKENIZER = ByteTokenizerSettings().train([])


def corpus(texts: list[str]) -> Corpus:
    test = tuple(Document(f"d{n}", text, "here", f"d{n}") for n, text in enumerate(texts))
    return Corpus("toy", test[:1], test[:1], test)


def random_chain() -> TableModel:
    logits = torch.randn(TOKENIZER.vocab_size, TOKENIZER.vocab_size, generator=torch.Generator().manual_seed(0))
    return TableModel(logits, TOKENIZER.start_token)


def scored(model: LanguageModel, texts: list[str]) -> tuple[pd.DataFrame, dict[str, Metric]]:
    eval = Perplexity()
    material = Material(corpus(texts), TOKENIZER)
    samples = list(eval.samples(material))
    requests = [eval.requests(sample, material) for sample in samples]
    answers = ask(model, TOKENIZER, requests, [[0]] * len(samples), DecodingStrategy(Greedy()), "test")
    scores = [eval.score(sample, given, material) for sample, given in zip(samples, answers, strict=True)]
    rows = table(eval.name, samples, scores)
    return rows, {metric.metric: metric for metric in eval.metrics(rows) if metric.slice == "all"}


def test_word_and_byte_perplexity_and_bits_per_byte_are_lm_eval_s() -> None:
    rows, metrics = scored(random_chain(), TEXTS)
    loglikelihoods = (-rows["nats"]).tolist()
    words = [len(re.split(r"\s+", text)) for text in TEXTS]
    sizes = [len(text.encode()) for text in TEXTS]
    expected = {
        "word_perplexity": lm_eval_metrics.weighted_perplexity(list(zip(loglikelihoods, words, strict=True))),
        "byte_perplexity": lm_eval_metrics.weighted_perplexity(list(zip(loglikelihoods, sizes, strict=True))),
        "bits_per_byte": lm_eval_metrics.bits_per_byte(list(zip(loglikelihoods, sizes, strict=True))),
    }
    for name, value in expected.items():
        assert metrics[name].value == pytest.approx(value, rel=1e-9), name


def test_two_to_the_bits_per_byte_is_the_byte_perplexity() -> None:
    _, metrics = scored(random_chain(), TEXTS)
    bits, perplexity = metrics["bits_per_byte"].value, metrics["byte_perplexity"].value
    assert bits is not None
    assert 2**bits == pytest.approx(perplexity)
    assert metrics["compression_ratio"].value == pytest.approx(8 / bits)


def test_every_byte_of_every_document_is_scored_the_first_too() -> None:
    table_logits = torch.zeros(TOKENIZER.vocab_size, TOKENIZER.vocab_size)
    rows, metrics = scored(TableModel(table_logits, TOKENIZER.start_token), TEXTS)
    assert rows["num_tokens"].tolist() == [len(text.encode()) for text in TEXTS]
    assert metrics["bits_per_byte"].value == pytest.approx(math.log2(257))


def test_a_unigram_s_bits_are_the_counts_by_hand() -> None:
    train = "abracadabra"
    model = UnigramConfig(pseudo_count=1.0).build(TOKENIZER.vocab_size, TOKENIZER.start_token)
    model.count(torch.tensor([TOKENIZER.start_token, *TOKENIZER.encode(train)]))
    model.finish()
    text = "abd z"
    _, metrics = scored(model, [text])
    total = len(train) + TOKENIZER.vocab_size
    bits = -sum(math.log2((train.count(char) + 1) / total) for char in text) / len(text)
    assert metrics["bits_per_byte"].value == pytest.approx(bits, rel=1e-6)


def test_splitting_a_corpus_changes_no_total() -> None:
    rows, metrics = scored(random_chain(), TEXTS)
    one, other = Perplexity().metrics(rows[:2])[0], Perplexity().metrics(rows[2:])[0]
    sizes = np.array([rows["num_bytes"][:2].sum(), rows["num_bytes"][2:].sum()], dtype=float)
    assert metrics["bits_per_byte"].value == pytest.approx(np.average([one.value, other.value], weights=sizes))


def test_a_text_that_is_impossible_to_write_down_as_a_perplexity_is_missing_with_a_reason() -> None:
    eval = Perplexity()
    sample = Sample("x", "word" * 500)
    score = eval.score(sample, [Likelihood(5_000.0, 2_000)], Material(corpus(["a"]), TOKENIZER))
    metrics = {metric.metric: metric for metric in eval.metrics(table("perplexity", [sample], [score]))}
    assert metrics["word_perplexity"].value is None
    assert "too large" in str(metrics["word_perplexity"].reason)
