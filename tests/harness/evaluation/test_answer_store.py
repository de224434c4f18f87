"""Answers outlive the process that got them: a crash loses the batch in flight, and nothing is asked twice."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.transform import Chooser
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Completion, Prompt
from harness.evaluation import asking
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.requests import Answer, Complete, Compress, Request, ScoreContinuation, ScoreText
from harness.plugin_kit.chain import TableModel
from harness.scoring.answers import Compressed, Likelihood, TokenScores
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


@pytest.fixture
def model() -> TableModel:
    torch.manual_seed(0)
    return TableModel(torch.randn(TOKENIZER.vocab_size, TOKENIZER.vocab_size), TOKENIZER.start_token)


def put(model: TableModel, store: AnswerStore | None, requests: Sequence[Sequence[Request]] = REQUESTS) -> Any:
    """The answers, as plain values."""
    seeds = [row[: len(asked)] for row, asked in zip(SEEDS, requests, strict=False)]
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
    """Every request that reaches the model from now on; with `break_after`, so many batches do."""
    asked: list[Request] = []
    batches = 0

    def counted(kind: asking.Kind) -> asking.Kind:
        def answer(who: Respondent, requests: Sequence[Any], seeds: Sequence[int]) -> Sequence[Answer]:
            nonlocal batches
            if batches == break_after:
                raise RuntimeError("the power failed")
            batches += 1
            asked.extend(requests)
            return kind.answer(who, requests, seeds)

        return replace(kind, answer=answer)

    monkeypatch.setattr(asking, "KINDS", {kind: counted(how) for kind, how in asking.KINDS.items()})
    return asked


def test_answers_come_back_as_they_were_given(model: TableModel, tmp_path: Path) -> None:
    expected = put(model, None)
    assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights")) == expected
    assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights")) == expected


def test_nothing_is_asked_twice(model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = count_asked(monkeypatch)
    put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:150])
    # of 150 samples: 150 completions, each with a seed of its own; five continuations; one text
    assert len(asked) == 150 + LETTERS + 1
    asked.clear()
    put(model, AnswerStore(tmp_path, "fit", "draw", "weights"))
    assert len(asked) == 50


@pytest.mark.parametrize(("chooser", "different"), [(Greedy(), 1), (Draw(), 6)])
def test_what_depends_on_no_seed_is_written_once(
    model: TableModel, monkeypatch: pytest.MonkeyPatch, chooser: Chooser, different: int
) -> None:
    written = []
    complete = Engine.complete
    monkeypatch.setattr(Engine, "complete", lambda self, prompts: written.extend(prompts) or complete(self, prompts))
    asked = [[Complete("ab", 6)] * 6]
    [answers] = ask(Respondent(model, TOKENIZER, DecodingStrategy(chooser)), asked, [list(range(6))], "test")
    assert len(written) == different
    assert [answer.text for answer in answers if isinstance(answer, Completion)] == [
        Engine(model, TOKENIZER, DecodingStrategy(chooser)).complete([Prompt("ab", 6, (), seed)])[0].text
        for seed in range(6)
    ]


def test_a_request_is_weighed_once_however_many_batches_there_are(
    model: TableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed: list[Request] = []

    def weigh(request: Request) -> int:
        weighed.append(request)
        return 1

    kind = replace(asking.KINDS[Complete], weight=weigh, at_once=2)
    monkeypatch.setattr(asking, "KINDS", {Complete: kind})
    monkeypatch.setattr(asking, "_SECONDS_BETWEEN", 0.0)  # so that batches stay small
    put(model, None, [[row[0]] for row in REQUESTS])
    assert len(weighed) == len(REQUESTS)


def test_another_strategy_shares_what_does_not_depend_on_it(
    model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(model, AnswerStore(tmp_path, "fit", "draw", "weights"))
    asked = count_asked(monkeypatch)
    put(model, AnswerStore(tmp_path, "fit", "other", "weights"))
    assert {type(request) for request in asked} == {Complete}
    asked.clear()
    put(model, AnswerStore(tmp_path, "another fit", "draw", "weights"))
    assert {type(request) for request in asked} == {Complete, ScoreContinuation, ScoreText}


def test_a_crash_loses_the_batch_in_flight_and_no_more(
    model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = put(model, None)
    monkeypatch.setattr(asking, "_SECONDS_BETWEEN", 0.0)  # answers are kept after each batch
    with monkeypatch.context() as patched:
        asked = count_asked(patched, break_after=2)
        with pytest.raises(RuntimeError, match="the power failed"):
            put(model, AnswerStore(tmp_path, "fit", "draw", "weights"))
        assert len(asked) == 2 * 64
    asked = count_asked(monkeypatch)
    assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights")) == expected
    assert len([request for request in asked if isinstance(request, Complete)]) == 200 - 2 * 64


def test_quick_work_is_done_in_larger_and_larger_batches(model: TableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = put(model, None)
    monkeypatch.setattr(asking, "_SECONDS_BETWEEN", 1e9)
    count_asked(monkeypatch, break_after=5)  # 64, 128 and 8 completions, the continuations, the text
    assert put(model, None) == expected


def test_a_torn_line_is_asked_again_and_what_comes_after_it_is_read(
    model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:100])
    path = tmp_path / "answers" / "fit" / "draw.jsonl"
    whole = path.read_bytes()
    for cut in (1, 2, 50, 200):
        path.write_bytes(whole[:-cut])
        asked = count_asked(monkeypatch)
        assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:100]) == expected
        assert len(asked) == (cut > 1)
        asked.clear()
        put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:100])
        assert asked == []


def _add(folder: Path, who: int) -> None:
    store = AnswerStore(folder, "fit", "draw", "weights")
    for number in range(200):
        request = Complete(f"{who}-{number}", 4000)
        answer = Completion("x" * 3000, tuple(range(500)), (-0.5,) * 500, (-0.25,) * 500, "length", None)
        store.add([(request, number, answer)])


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add, args=(tmp_path, who)) for who in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store = AnswerStore(tmp_path, "fit", "draw", "weights")
    assert all(store.find(Complete(f"{who}-{number}", 4000), number) for who in range(2) for number in range(200))
    lines = (tmp_path / "answers" / "fit" / "draw.jsonl").read_text().splitlines()
    assert all(json.loads(line)["answer"]["class"] == "Completion" for line in lines if line)


@given(text=st.text(), nats=st.floats(allow_nan=False) | st.none(), logprob=st.floats(max_value=0, allow_nan=False))
def test_any_answer_survives_storage(
    tmp_path_factory: pytest.TempPathFactory, text: str, nats: float | None, logprob: float
) -> None:
    folder = tmp_path_factory.mktemp("answers")
    completion = Completion(text, (1, 2), (logprob, -0.1), (logprob, 0.0), "stop", text or None)
    scores = TokenScores(np.array([nats or 0.0, 0.1]), np.array([1, 2]))
    likelihood = Likelihood(nats, 3, None, text, scores)
    pairs: list[tuple[Request, Answer]] = [(Complete(text, 2), completion), (ScoreText(text), likelihood)]
    AnswerStore(folder, "fit", "draw", "weights").add((request, 1, answer) for request, answer in pairs)
    store = AnswerStore(folder, "fit", "draw", "weights")
    for request, answer in pairs:
        assert plain(store.find(request, 1)) == plain(answer)
    assert store.find(Complete(text, 2), 2) is None
    assert plain(store.find(ScoreText(text), 2)) == plain(likelihood)
    compressed = Compressed(3, True, nats, 4, 5, text)
    store.add([(Compress((text, "b")), 1, compressed)])
    assert AnswerStore(folder, "fit", "draw", "weights").find(Compress((text, "b")), 1) == compressed
    assert store.find(ScoreContinuation("", text), 1) is None
