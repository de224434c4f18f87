"""Requests of several kinds to a small model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from harness.completion.decoding.choosers import Draw
from harness.completion.engine import DecodingStrategy
from harness.evaluation import asking
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.requests import Answer, Complete, Request, ScoreContinuation, ScoreText
from harness.plugin_kit.chain import TableModel
from tests.toys import LetterTokenizer

LETTERS = 5
TOKENIZER = LetterTokenizer(LETTERS)
STRATEGY = DecodingStrategy(Draw())
REQUESTS: list[list[Request]] = [
    [
        Complete("abcde"[number % LETTERS] * (number % 7 + 1), 6),
        ScoreContinuation("abcde"[number % LETTERS], "ab"),
        ScoreText("abc"),
    ]
    for number in range(200)
]
SEEDS = [[number, 0, 0] for number in range(200)]


def table_model() -> TableModel:
    torch.manual_seed(0)
    return TableModel(torch.randn(TOKENIZER.vocab_size, TOKENIZER.vocab_size), TOKENIZER.start_token)


def put(model: TableModel, store: AnswerStore | None, requests: Sequence[Sequence[Request]] = REQUESTS) -> Any:
    """The answers, as plain values."""
    seeds = [row[: len(of_sample)] for row, of_sample in zip(SEEDS, requests, strict=False)]
    answers = ask(Respondent(model, TOKENIZER, STRATEGY), requests, seeds, "test", store)
    return [[plain(answer) for answer in row] for row in answers]


def plain(value: Any) -> Any:
    """Answers with arrays in them can't be compared."""
    if isinstance(value, np.ndarray):
        return [str(value.dtype), *value.tolist()]
    if dataclasses.is_dataclass(value):
        return [type(value), *(plain(getattr(value, field.name)) for field in dataclasses.fields(value))]
    return value


def count_asked(monkeypatch: pytest.MonkeyPatch, break_after: int | None = None) -> list[Request]:
    """Records every request that reaches the model; with `break_after`, raises after so many batches."""
    reached: list[Request] = []
    batches = 0

    def counted(kind: asking.Kind) -> asking.Kind:
        def answer(who: Respondent, requests: Sequence[Any], seeds: Sequence[int]) -> Sequence[Answer]:
            nonlocal batches
            if batches == break_after:
                raise RuntimeError("the power failed")
            batches += 1
            reached.extend(requests)
            return kind.answer(who, requests, seeds)

        return replace(kind, answer=answer)

    monkeypatch.setattr(asking, "KINDS", {kind: counted(how) for kind, how in asking.KINDS.items()})
    return reached
