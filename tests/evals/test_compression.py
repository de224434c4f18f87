"""Sizes compared with gzip and others: from totals, and none where the check failed."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import lzma
import math
from typing import Any

import pandas as pd
import pyarrow
import pytest
import torch

from evals.compression import Compression
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Material
from harness.evaluation.metric import Baseline, Metric
from harness.evaluation.requests import Compress
from harness.evaluation.rows import measured, table
from harness.evaluation.validity import check_metrics
from harness.plugin_kit.chain import TableModel
from harness.scoring.answers import Compressed
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from models.language_model import LanguageModel
from tests.harness.plugin_kit.hashed_cache import HashedCacheConfig

SIZE = "compressed_bits_per_byte"
TOKENIZER = ByteTokenizerSettings().train([])
TEXTS = {"plays": ["To be, or not to be: " * 9, "naïve 🙂 café. " * 20], "chat": ["Human: hi\n\nAssistant: hello"]}


def corpus() -> Corpus:
    documents = [
        Document(f"{source}{n}", text, source, f"{source}{n}")
        for source, texts in TEXTS.items()
        for n, text in enumerate(texts)
    ]
    return Corpus("toy", tuple(documents[:1]), tuple(documents[:1]), tuple(documents))


MATERIAL = Material(corpus(), TOKENIZER)


def random_chain() -> TableModel:
    logits = torch.randn(TOKENIZER.vocab_size, TOKENIZER.vocab_size, generator=torch.Generator().manual_seed(0))
    return TableModel(logits, TOKENIZER.start_token)


def scored(model: LanguageModel, eval: Compression) -> pd.DataFrame:
    samples = list(eval.samples(MATERIAL))
    requests = [eval.requests(sample, MATERIAL) for sample in samples]
    answers = ask(Respondent(model, TOKENIZER, DecodingStrategy(Greedy())), requests, [[0]] * len(samples), "test")
    return table(
        eval.name,
        samples,
        [eval.score(s, sample_answers, MATERIAL) for s, sample_answers in zip(samples, answers, strict=True)],
    )


def found(eval: Compression, rows: pd.DataFrame, part: str = "all") -> dict[str, Metric]:
    return {metric.metric: metric for metric in eval.metrics(rows) if metric.slice == part}


def test_every_source_s_test_text_is_compressed_up_to_a_bound_cut_between_characters() -> None:
    plays = "".join(TEXTS["plays"])
    for max_bytes in (4, 50, 188, 189, 190, 195, 196, 197, 198, 199, 1_000_000):
        eval = Compression(max_bytes=max_bytes)
        texts = {sample.id: sample.prompt for sample in eval.samples(MATERIAL)}
        assert list(texts) == ["plays", "chat"]
        assert plays.startswith(texts["plays"])
        room = min(max_bytes, len(plays.encode())) - len(texts["plays"].encode())
        assert 0 <= room < 4
        for sample in eval.samples(MATERIAL):
            [request] = eval.requests(sample, MATERIAL)
            assert isinstance(request, Compress)
            assert "".join(request.texts) == sample.prompt


def test_sizes_come_from_totals() -> None:
    eval = Compression()
    rows = scored(random_chain(), eval)
    metrics = found(eval, rows)
    assert (metrics["restored"].value, metrics["as_claimed"].value) == (1.0, 1.0)
    sizes = sum(measured(rows, "file_bytes"))
    bits = rows["nats"].sum() / math.log(2)
    assert metrics[SIZE].value == pytest.approx(8 * sizes / rows["num_bytes"].sum())
    assert metrics[SIZE].value == pytest.approx(bits / rows["num_bytes"].sum(), rel=0.01)
    assert metrics["zstd_compressed_bits_per_byte"].baseline == Baseline("compressed_bits_per_byte", "zstd")
    check_metrics(eval, eval.metrics(rows), rows)
    assert eval.descriptions.keys() == {name for name, metric in metrics.items() if metric.baseline is None}
    only_plays = found(eval, rows, "source=plays")
    assert only_plays[SIZE].n == 1


def test_the_decoder_is_counted_once_whatever_the_number_of_texts() -> None:
    eval = Compression()
    model = random_chain()
    metrics = found(eval, scored(model, eval))
    decoder = model.cost().model_bytes + len(TOKENIZER.to_json())
    num_bytes = sum(len(text.encode()) for texts in TEXTS.values() for text in texts)
    alone, with_decoder = (metrics[f"{name}_bits_per_byte"].value for name in ("compressed", "with_decoder"))
    assert alone is not None
    assert with_decoder == pytest.approx(alone + 8 * decoder / num_bytes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"restored": False}, "1 of 2 texts did not come back"),
        ({"num_bytes": 5_000}, "1 of 2 files are not as long as scoring claims"),
        (
            {"restored": None, "num_bytes": None, "nats": None, "reason": "zero"},
            "1 of 2 texts have no probability under the model",
        ),
    ],
)
def test_a_failed_check_gives_no_size(change: dict[str, Any], reason: str) -> None:
    eval = Compression()
    samples = list(eval.samples(MATERIAL))
    good = Compressed(100, True, 8 * 100 * math.log(2), 300, 1_000)
    answers = [good, dataclasses.replace(good, **change)]
    scores = [eval.score(sample, [answer], MATERIAL) for sample, answer in zip(samples, answers, strict=True)]
    metrics = found(eval, table(eval.name, samples, scores))
    for name in ("compressed", "with_decoder"):
        assert metrics[f"{name}_bits_per_byte"].value is None
        assert metrics[f"{name}_bits_per_byte"].reason == reason
    assert metrics["gzip_compressed_bits_per_byte"].value is not None


@pytest.mark.parametrize("share", [0.5, -0.3])
def test_a_hashed_cache_whose_probabilities_do_not_sum_to_one_gets_no_size(share: float) -> None:
    """More than 1 in all claims a shorter file than is written, less than 1 a longer one."""
    model = HashedCacheConfig(share=share).build(TOKENIZER.vocab_size, TOKENIZER.start_token)
    model.count(torch.tensor([*"".join(TEXTS["plays"]).encode(), *range(TOKENIZER.vocab_size)]))
    rows = scored(model, Compression())
    assert measured(rows, "restored").all()
    metric = found(Compression(), rows)[SIZE]
    assert metric.value is None
    assert "files are not as long as scoring claims" in str(metric.reason)


def test_a_file_may_differ_from_its_claim_by_a_thousandth_and_sixteen_bytes() -> None:
    eval = Compression()
    sample = next(iter(eval.samples(MATERIAL)))
    for num_bytes, holds in ((100_115, True), (100_117, False), (99_885, True), (99_883, False)):
        answer = Compressed(num_bytes, True, 8 * 100_000 * math.log(2), 1, 1)
        score = eval.score(sample, [answer], MATERIAL)
        rows = table(eval.name, [sample], [score])
        assert measured(rows, "as_claimed").tolist() == [holds]


def test_a_model_that_is_too_large_has_no_size() -> None:
    model = random_chain()
    size = model.cost().model_bytes + len(TOKENIZER.to_json().encode())
    rows = scored(model, Compression(max_bytes=100))
    assert found(Compression(max_bytes=100, max_decoder_bytes=size), rows)[SIZE].value is not None
    refused = found(Compression(max_bytes=100, max_decoder_bytes=size - 1), rows)
    assert refused[SIZE].value is None
    assert (
        refused[SIZE].reason
        == f"the model and its tokenizer take {size:,} bytes, more than max_decoder_bytes={size - 1:,}"
    )
    assert refused["with_decoder_bits_per_byte"].value is None
    with pytest.raises(ValueError, match="max_decoder_bytes=0"):
        Compression(max_decoder_bytes=0)


def test_fewer_bytes_than_a_character_are_refused() -> None:
    with pytest.raises(ValueError, match="max_bytes=3 is not allowed"):
        Compression(max_bytes=3)


def test_other_compressors_get_the_same_bytes() -> None:
    eval = Compression()
    metrics = found(eval, scored(random_chain(), eval))
    expected = dict.fromkeys(("gzip", "bzip2", "xz", "zstd"), 0)
    num_bytes = 0
    for texts in TEXTS.values():
        data = "".join(texts).encode()
        num_bytes += len(data)
        expected["gzip"] += len(gzip.compress(data, 9))
        expected["bzip2"] += len(bz2.compress(data, 9))
        expected["xz"] += len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
        expected["zstd"] += len(pyarrow.Codec("zstd", compression_level=22).compress(data, asbytes=True))
    for name, size in expected.items():
        assert metrics[f"{name}_compressed_bits_per_byte"].value == pytest.approx(8 * size / num_bytes)
