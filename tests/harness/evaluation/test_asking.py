"""Requests are asked in batches, and no more often than needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.transform import Chooser
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Completion, Prompt
from harness.evaluation import asking
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.requests import Complete, Request
from harness.plugin_kit.chain import TableModel
from tests.harness.evaluation.asked import REQUESTS, TOKENIZER, count_asked, put, table_model


@pytest.fixture
def model() -> TableModel:
    return table_model()


@pytest.mark.parametrize(("chooser", "different"), [(Greedy(), 1), (Draw(), 6)])
def test_what_depends_on_no_seed_is_written_once(
    model: TableModel, monkeypatch: pytest.MonkeyPatch, chooser: Chooser, different: int
) -> None:
    written = []
    complete = Engine.complete
    monkeypatch.setattr(Engine, "complete", lambda self, prompts: written.extend(prompts) or complete(self, prompts))
    requests = [[Complete("ab", 6)] * 6]
    [answers] = ask(Respondent(model, TOKENIZER, DecodingStrategy(chooser)), requests, [list(range(6))], "test")
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


def test_quick_work_is_done_in_larger_and_larger_batches(model: TableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = put(model, None)
    monkeypatch.setattr(asking, "_SECONDS_BETWEEN", 1e9)
    count_asked(monkeypatch, break_after=5)  # 64, 128 and 8 completions, the continuations, the text
    assert put(model, None) == expected
