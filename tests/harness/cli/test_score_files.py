"""Likelihoods of files, compared with numbers by hand."""

from __future__ import annotations

import io
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from harness.cli.score_files import read_files, read_text, remarks, row, score_texts
from harness.common.errors import UserError
from harness.plugin_kit.chain import TableModel
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.training.fits import Fit

TOKENIZER = ByteTokenizerSettings().train([])


def fit_of(logits: torch.Tensor) -> Fit:
    return Fit("id", Path(), TableModel(logits, TOKENIZER.start_token), TOKENIZER, {})


UNIFORM = fit_of(torch.zeros(TOKENIZER.vocab_size, TOKENIZER.vocab_size))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    texts = {"a.txt": "né", "b.txt": "", "c.txt": "abcd"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / name) for name in texts]


def test_under_a_uniform_model_every_byte_costs_the_same(files: list[str]) -> None:
    nats, bits = math.log(TOKENIZER.vocab_size), math.log2(TOKENIZER.vocab_size)
    scores = score_texts(UNIFORM, read_files(files))
    first, empty, last = scores["files"]
    assert (first["num_bytes"], first["num_chars"], first["num_tokens"]) == (3, 2, 3)
    assert first["nats"] == pytest.approx(3 * nats)
    assert last["bits_per_byte"] == pytest.approx(bits)
    assert last["token_perplexity"] == pytest.approx(TOKENIZER.vocab_size)
    assert (empty["nats"], empty["bits_per_byte"], empty["byte_perplexity"]) == (0.0, None, None)
    assert scores["total"]["nats"] == pytest.approx(7 * nats)
    assert scores["total"]["num_bytes"] == 7


def test_each_token_has_its_own_logprob_when_asked(files: list[str]) -> None:
    [scores] = score_texts(UNIFORM, read_files(files[2:]), per_token=True)["files"]
    assert [token["text"] for token in scores["tokens"]] == list("abcd")
    assert sum(token["logprob"] for token in scores["tokens"]) == pytest.approx(-scores["nats"])


def test_a_text_of_no_probability_has_no_numbers_and_neither_has_the_total(files: list[str]) -> None:
    logits = torch.zeros(TOKENIZER.vocab_size, TOKENIZER.vocab_size)
    logits[:, int(TOKENIZER.encode("c")[0])] = -torch.inf
    scores = score_texts(fit_of(logits), read_files(files), per_token=True)
    assert [score["nats"] is None for score in [*scores["files"], scores["total"]]] == [False, False, True, True]
    assert scores["total"]["bits_per_byte"] is None
    assert [token["logprob"] is None for token in scores["files"][2]["tokens"]] == [False, False, True, False]


def test_a_perplexity_too_large_for_a_number_is_missing() -> None:
    assert row("x", 1, 1, 1, 1e6)["byte_perplexity"] is None
    assert row("x", 2, 2, 1, 2 * math.log(3))["byte_perplexity"] == pytest.approx(3)


def test_what_can_not_be_read_is_refused_and_a_dash_is_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match="is not UTF-8: byte 3 is 0xe9"):
        read_text(str(tmp_path / "latin"))
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_text(str(tmp_path / "nothing"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="cannot be read: it is a named pipe, not a file"):
        read_text(str(tmp_path / "pipe"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("hé".encode())))
    assert read_text("-") == "hé"


def test_missing_numbers_are_explained() -> None:
    rows = [row("empty.txt", 0, 0, 0, 0.0), row("odd.txt", 3, 3, 3, math.inf), row("good.txt", 3, 3, 3, 1.0)]
    assert remarks(rows) == [
        "empty.txt is empty, so nothing is divided by its bytes and tokens.",
        "The model gives odd.txt a probability of 0, so it has no bits per byte.",
    ]
    assert remarks([rows[1] | {"unknown_words": 2}]) == []  # told of all files together
