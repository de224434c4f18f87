"""An explanation in a terminal: every candidate with its numbers, and nothing that controls the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from harness.completion.explaining.steps import Candidate, ExplainedStep, Explanation, Stage, explain
from harness.completion.explaining.table import spelled, tables
from harness.completion.sequence import Prompt
from tests.harness.completion.explaining.engines import engine, hostile_explanations


def text_of(table: Table) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(table)
    return console.export_text(styles=False)


def test_nothing_to_write_makes_no_table() -> None:
    assert tables(explain(engine(), Prompt("a", 0))) == []


@pytest.mark.parametrize("explanation", hostile_explanations())
def test_hostile_text_stays_text(explanation: Explanation) -> None:
    assert "\x1b" not in "".join(map(text_of, tables(explanation)))


def test_a_step_is_a_table_of_candidates_with_the_share_that_each_transform_leaves() -> None:
    candidates = (Candidate(3, "b", 0.5, (0.8,), False), Candidate(1, "a", 0.125, (0.2,), True))
    whole = explain(engine(), Prompt("a", 0))
    step = ExplainedStep(
        (*candidates, Candidate(2, "c", 0.00001, (0.0,), False)), 4, 0.37499, (Stage("top_k", 5, 0.375),), 2, 3.0
    )
    [table] = tables(Explanation("", whole.completion, (step,)))
    lines = [line.split() for line in text_of(table).splitlines() if line.strip(" ─")]
    assert lines == [
        ["token", "1:", '"a",', "rank", "2,", "3.00", "bits"],
        ["token", "model", "top_k"],
        ['"b"', "0.5000", "0.8000"],
        [">", '"a"', "0.1250", "0.2000"],
        ['"c"', "1e-05", "removed"],
        ["4", "others", "0.3750"],
        ["removed", "in", "all", "5", "with", "37.5", "%"],
    ]


def test_a_text_is_spelled_in_quotes_on_one_line() -> None:
    assert spelled('a"\n\u202e') == '"a\\"\\n\\u202e"'
