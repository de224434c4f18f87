"""Answers are stored at once: a crash loses only the current batch, and nothing is asked twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.completion.sequence import Completion
from harness.evaluation import asking
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.requests import Answer, Complete, Compress, Request, ScoreContinuation, ScoreText
from harness.plugin_kit.chain import TableModel
from harness.scoring.answers import Compressed, Likelihood, TokenScores
from tests.commands import STARTER
from tests.harness.evaluation.asked import LETTERS, REQUESTS, count_asked, plain, put, table_model


@pytest.fixture
def model() -> TableModel:
    return table_model()


def test_answers_come_back_as_they_were_given(model: TableModel, tmp_path: Path) -> None:
    expected = put(model, None)
    assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights")) == expected
    assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights")) == expected


def test_nothing_is_asked_twice(model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_requests = count_asked(monkeypatch)
    put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:150])
    # for 150 samples: 150 completions with different seeds, five continuations, one text
    assert len(asked_requests) == 150 + LETTERS + 1
    asked_requests.clear()
    put(model, AnswerStore(tmp_path, "fit", "draw", "weights"))
    assert len(asked_requests) == 50


def test_another_strategy_shares_what_does_not_depend_on_it(
    model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(model, AnswerStore(tmp_path, "fit", "draw", "weights"))
    asked_requests = count_asked(monkeypatch)
    put(model, AnswerStore(tmp_path, "fit", "other", "weights"))
    assert {type(request) for request in asked_requests} == {Complete}
    asked_requests.clear()
    put(model, AnswerStore(tmp_path, "another fit", "draw", "weights"))
    assert {type(request) for request in asked_requests} == {Complete, ScoreContinuation, ScoreText}


def test_a_crash_loses_the_batch_in_flight_and_no_more(
    model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = put(model, None)
    monkeypatch.setattr(asking, "_SECONDS_BETWEEN", 0.0)  # answers are kept after each batch
    with monkeypatch.context() as patched:
        asked_requests = count_asked(patched, break_after=2)
        with pytest.raises(RuntimeError, match="the power failed"):
            put(model, AnswerStore(tmp_path, "fit", "draw", "weights"))
        assert len(asked_requests) == 2 * 64
    asked_requests = count_asked(monkeypatch)
    assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights")) == expected
    assert len([request for request in asked_requests if isinstance(request, Complete)]) == 200 - 2 * 64


def test_a_torn_line_is_asked_again_and_what_comes_after_it_is_read(
    model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_SECONDS_BETWEEN", 0.0)  # the first batch has 64 answers, the second one 36
    expected = put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:100])
    path = tmp_path / "answers" / "fit" / "draw.txt"
    whole = path.read_bytes()
    for cut in (1, 2, 50, 200):
        path.write_bytes(whole[:-cut])
        asked_requests = count_asked(monkeypatch)
        assert put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:100]) == expected
        assert len(asked_requests) == (36 if cut > 1 else 0)
        asked_requests.clear()
        put(model, AnswerStore(tmp_path, "fit", "draw", "weights"), REQUESTS[:100])
        assert asked_requests == []


def _add(folder: Path, who: int) -> None:
    store = AnswerStore(folder, "fit", "draw", "weights")
    for number in range(200):
        request = Complete(f"{who}-{number}", 4000)
        answer = Completion("x" * 3000, tuple(range(500)), (-0.5,) * 500, (-0.25,) * 500, "length", None)
        store.add([(request, number, answer)])


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    writers = [STARTER.Process(target=_add, args=(tmp_path, who)) for who in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store = AnswerStore(tmp_path, "fit", "draw", "weights")
    assert all(store.find(Complete(f"{who}-{number}", 4000), number) for who in range(2) for number in range(200))
    lines = (tmp_path / "answers" / "fit" / "draw.txt").read_text().splitlines()
    assert len([line for line in lines if line]) == 400


@given(text=st.text(), nats=st.floats(allow_nan=False) | st.none(), logprob=st.floats(max_value=0, allow_nan=False))
def test_any_answer_survives_storage(
    tmp_path_factory: pytest.TempPathFactory, text: str, nats: float | None, logprob: float
) -> None:
    folder = tmp_path_factory.mktemp("answers")
    completion = Completion(text, (1, 2), (logprob, -0.1), (logprob, -0.0), "stop", text or None)
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


def test_stored_answers_are_small(tmp_path: Path) -> None:
    """A token's score and its place, 16 bytes, take less than half of that where scores are of single precision."""
    nats = np.random.default_rng(0).exponential(size=(64, 600)).astype(np.float32).astype(np.float64)
    places = np.arange(1, 601)
    answers = [Likelihood(float(row.sum()), 600, None, None, TokenScores(row, places)) for row in nats]
    AnswerStore(tmp_path, "fit", "draw", "weights").add(
        (ScoreText(str(number)), 0, answer) for number, answer in enumerate(answers)
    )
    size = (tmp_path / "answers" / "fit" / "likelihoods.txt").stat().st_size
    assert size < 64 * 600 * 16 / 2
    last = AnswerStore(tmp_path, "fit", "draw", "weights").find(ScoreText("63"), 0)
    assert plain(last) == plain(answers[63])
