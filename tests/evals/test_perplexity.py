"""Perplexity against lm-evaluation-harness's own formulas, counts by hand, and its own invariants."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from lm_eval.api import metrics as lm_eval_metrics

from evals.perplexity import Perplexity
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Material
from harness.evaluation.metric import Metric
from harness.evaluation.requests import Sample
from harness.evaluation.rows import measured, parts_of, table
from harness.evaluation.validity import check_metrics
from harness.plugin_kit.chain import TableModel
from harness.scoring.answers import Likelihood
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from models.language_model import LanguageModel
from models.settings.transformer import TransformerConfig
from models.settings.unigram import UnigramConfig

TEXTS = ["To be, or not\nto be:", "that is the question", "naïve 🙂  café", "a"]
TOKENIZER = ByteTokenizerSettings().train([])
PERPLEXITY = Perplexity()


def corpus(texts: list[str]) -> Corpus:
    test = tuple(Document(f"d{n}", text, "here", f"d{n}") for n, text in enumerate(texts))
    return Corpus("toy", test[:1], test[:1], test)


def random_chain() -> TableModel:
    logits = torch.randn(TOKENIZER.vocab_size, TOKENIZER.vocab_size, generator=torch.Generator().manual_seed(0))
    return TableModel(logits, TOKENIZER.start_token)


def scored(
    model: LanguageModel, texts: list[str], eval: Perplexity = PERPLEXITY
) -> tuple[pd.DataFrame, dict[str, Metric]]:
    material = Material(corpus(texts), TOKENIZER)
    samples = list(eval.samples(material))
    requests = [eval.requests(sample, material) for sample in samples]
    answers = ask(Respondent(model, TOKENIZER, DecodingStrategy(Greedy())), requests, [[0]] * len(samples), "test")
    scores = [
        eval.score(sample, sample_answers, material) for sample, sample_answers in zip(samples, answers, strict=True)
    ]
    rows = table(eval.name, samples, scores)
    return rows, by_slice(eval, rows)["all"]


def by_slice(eval: Perplexity, rows: pd.DataFrame) -> dict[str, dict[str, Metric]]:
    """slice -> name -> metric."""
    found: dict[str, dict[str, Metric]] = {}
    for metric in eval.metrics(rows):
        found.setdefault(metric.slice, {})[metric.metric] = metric
    return found


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


def test_an_empty_document_costs_nothing_and_has_no_bits_a_byte() -> None:
    rows, metrics = scored(random_chain(), ["", *TEXTS])
    assert measured(rows, "bits_per_byte").isna().tolist() == [True, False, False, False, False]
    assert metrics["bits_per_byte"].value == scored(random_chain(), TEXTS)[1]["bits_per_byte"].value


def test_splitting_a_corpus_changes_no_total() -> None:
    rows, metrics = scored(random_chain(), TEXTS)
    first, other = PERPLEXITY.metrics(rows[:2])[0], PERPLEXITY.metrics(rows[2:])[0]
    sizes = np.array([rows["num_bytes"][:2].sum(), rows["num_bytes"][2:].sum()], dtype=float)
    assert metrics["bits_per_byte"].value == pytest.approx(np.average([first.value, other.value], weights=sizes))


def test_the_slices_by_training_count_add_up_to_the_whole() -> None:
    rows, whole = scored(random_chain(), TEXTS)
    # For the eval, the first text is the training text.
    counts = Counter(TEXTS[0].encode())
    expected: Counter[str] = Counter()
    for text in TEXTS:
        for byte in text.encode():
            expected["times_seen=1-9" if counts[byte] else "times_seen=0"] += 1
    assert max(counts.values()) < 10
    slices = {name: metrics for name, metrics in by_slice(PERPLEXITY, rows).items() if name.startswith("times_seen=")}
    assert slices.keys() == {"times_seen=0", "times_seen=1-9"}
    parts = parts_of(rows)
    totals = {total: sum(parts[name][total].sum() for name in slices) for total in ("nats", "num_bytes")}
    assert totals["nats"] == pytest.approx(rows["nats"].sum())
    assert totals["num_bytes"] == rows["num_bytes"].sum()
    for name, metrics in slices.items():
        tokens = parts[name]["num_tokens"].sum()
        assert tokens == expected[name]
        nats = parts[name]["nats"].sum()
        assert metrics["token_perplexity"].value == pytest.approx(math.exp(nats / tokens))
    assert whole["bits_per_byte"].n == len(TEXTS)
    check_metrics(PERPLEXITY, PERPLEXITY.metrics(rows), rows)


def test_the_curve_by_position_uses_the_same_documents_at_every_position() -> None:
    texts = ["abcd" * 20, "a" * 63, "é" * 32, "dcba" * 30]
    model, eval = random_chain(), Perplexity(curve_bytes=64)
    rows, _ = scored(model, texts, eval)
    curve = {name: metrics for name, metrics in by_slice(eval, rows).items() if name.startswith("position=")}
    assert list(curve) == ["position=0-15", "position=16-31", "position=32-63"]
    for name, (begin, end) in zip(curve, ((0, 16), (16, 32), (32, 64)), strict=True):
        assert curve[name]["bits_per_byte"].n == 3
        logprobs = [
            float(model.token_logprobs(torch.from_numpy(TOKENIZER.encode(text))[None])[0, place])
            for text in (texts[0], texts[2], texts[3])
            for place in range(begin, end)
        ]
        bits = -sum(logprobs) / math.log(2) / len(logprobs)
        assert curve[name]["bits_per_byte"].value == pytest.approx(bits, rel=1e-6)


def test_the_record_says_with_how_much_context_a_limited_model_scored() -> None:
    torch.manual_seed(0)
    config = TransformerConfig(num_layers=1, num_heads=1, d_model=8, context_length=32, stride=8)
    eval = Perplexity(curve_bytes=128)
    rows, whole = scored(config.build(TOKENIZER.vocab_size, TOKENIZER.start_token), ["a" * 128], eval)
    # Windows of 32 that begin every 8 tokens: after the first, a token sees 25 to 32 positions, including its own.
    by_hand = [place + 1 if place < 32 else 25 + (place - 32) % 8 for place in range(128)]
    assert whole["context_tokens"].value == pytest.approx(np.mean(by_hand))
    curve = by_slice(eval, rows)
    for begin, end in ((0, 16), (16, 32), (32, 64), (64, 128)):
        assert curve[f"position={begin}-{end - 1}"]["context_tokens"].value == pytest.approx(
            np.mean(by_hand[begin:end])
        )


def test_a_model_that_counts_letters_scores_without_context() -> None:
    model = UnigramConfig(pseudo_count=1.0).build(TOKENIZER.vocab_size, TOKENIZER.start_token)
    model.count(torch.tensor([TOKENIZER.start_token, *TOKENIZER.encode("abc")]))
    model.finish()
    assert scored(model, TEXTS)[1]["context_tokens"].value == 0


def test_a_text_that_is_impossible_to_write_down_as_a_perplexity_is_missing_with_a_reason() -> None:
    eval = Perplexity()
    sample = Sample("x", "word" * 500)
    score = eval.score(sample, [Likelihood(5_000.0, 2_000)], Material(corpus(["a"]), TOKENIZER))
    metrics = {metric.metric: metric for metric in eval.metrics(table("perplexity", [sample], [score]))}
    assert eval.descriptions.keys() == metrics.keys()
    assert metrics["word_perplexity"].value is None
    assert "too large" in str(metrics["word_perplexity"].reason)
