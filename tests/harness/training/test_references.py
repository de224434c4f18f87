"""A reference model is fitted once, to every byte of the training text, and found again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.common.results_folder import ResultsFolder
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizer
from harness.training.references import ReferenceModels
from harness.training.workshop import Workshop
from models.settings.bigram import BigramConfig
from models.settings.unigram import UnigramConfig

TRAIN = ("ünï", "cödé", "!")


def corpus() -> Corpus:
    train, validation = (
        tuple(Document(text, text, "words", text) for text in texts) for texts in (TRAIN, ("one more",))
    )
    return Corpus("words", train, validation, validation)


def test_it_reads_each_byte_and_each_document_s_beginning_once(tmp_path: Path) -> None:
    workshop = Workshop(ResultsFolder(tmp_path), torch.device("cpu"))
    references = ReferenceModels(corpus(), workshop)
    tokenizer = references(UnigramConfig())[1]
    assert isinstance(tokenizer, ByteTokenizer)
    [folder] = (tmp_path / "fits").iterdir()
    num_bytes = len("".join(TRAIN).encode())
    assert pd.read_parquet(folder / "curve.parquet")["tokens"].to_list() == [num_bytes + len(TRAIN)]


def test_the_latest_is_kept_and_an_earlier_one_is_found_and_not_fitted_again(tmp_path: Path) -> None:
    workshop = Workshop(ResultsFolder(tmp_path), torch.device("cpu"))
    references = ReferenceModels(corpus(), workshop)
    unigram, _ = references(UnigramConfig())
    assert references(UnigramConfig())[0] is unigram
    references(BigramConfig())
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "fits").glob("*/fit.json")}
    assert len(written) == 2
    again, _ = references(UnigramConfig())
    assert again is not unigram
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "fits").glob("*/fit.json")} == written
    for name, value in unigram.tensors().items():
        assert torch.equal(again.tensors()[name], value)


def test_that_it_is_fitted_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "bakeoff")
    for _ in range(2):
        ReferenceModels(corpus(), Workshop(ResultsFolder(tmp_path), torch.device("cpu")))(UnigramConfig())
    assert caplog.text.count("an eval measures texts against a reference model (unigram)") == 1
    assert "to all 12 bytes of the training text, whatever the budget" in caplog.text
