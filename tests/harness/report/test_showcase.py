"""What the models wrote stands side by side, cut where it is long, with what its end was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness.report.comparison import Comparison
from harness.report.results import load
from harness.report.showcase import Text, prompts, questions
from tests.harness.report.conftest import Written
from tests.harness.report.fake_results import MODELS, PROMPTS


def read(text: Text) -> str:
    return "".join(piece.text for piece in [*text.shown, *text.rest])


def test_every_prompt_has_a_text_of_every_model_under_every_decoding_the_worst_first(
    written: Written, decodings: list[str]
) -> None:
    comparison = Comparison(load(written.results)[0])
    told = prompts(comparison)
    assert [prompt.title for prompt in told] == [f"After “{' '.join(text.split())}”" for text in PROMPTS.values()]
    for prompt in told:
        assert [system for system, _ in prompt.rows] == list(comparison.systems)
        assert {system for system, _ in prompt.rows} == {fake.name for fake in MODELS}
        texts = {(system, decoding): text for system, row in prompt.rows for decoding, text in row}
        assert sorted({decoding for _, decoding in texts}) == decodings
        assert [key for key, text in texts.items() if text is None] == [("rnn", "top_p")]  # that run failed


@pytest.mark.parametrize(
    ("answer", "finish", "num_shown", "num_hidden", "note"),
    [
        ("x" * 216, "length", 216, 0, "cut at its length"),  # a little more than 180 is shown whole
        ("x" * 217, "stop", 180, 37, "stopped by itself"),
        ("x" * 50_000, "length", 180, 19_820, "cut at its length, 30,000 more characters are not in this page"),
        ("", "context", 0, 0, "nothing, context full"),
        (" \n ", "stop", 0, 0, "3 characters of white space, stopped by itself"),
    ],
)
def test_long_texts_are_cut_behind_a_click_and_huge_ones_and_empty_ones_have_a_note(
    small: Path,
    compare: Callable[[Path], Comparison],
    answer: str,
    finish: str,
    num_shown: int,
    num_hidden: int,
    note: str,
) -> None:
    path = small / "rnn-greedy-s0" / "samples.parquet"
    table = pd.read_parquet(path)
    chosen = (table["eval"] == "showcase") & (table["sample_id"] == "play")
    table.loc[chosen, ["answer", "finish_reason"]] = [answer, finish]
    table.to_parquet(path)
    [play] = [prompt for prompt in prompts(compare(small)) if "HAMLET" in prompt.title]
    text = dict(dict(play.rows)["rnn"])["greedy"]
    assert text is not None
    assert (sum(len(piece.text) for piece in text.shown), text.num_hidden, text.note) == (num_shown, num_hidden, note)
    assert len(read(text)) == num_shown + num_hidden


def test_texts_stand_below_their_own_prompt_also_where_runs_have_other_prompts(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    path = small / "rnn-greedy-s0" / "samples.parquet"
    table = pd.read_parquet(path)
    chosen = (table["eval"] == "showcase") & (table["sample_id"] == "play")
    table.loc[chosen, ["prompt", "answer"]] = ["LEAR:", "Howl, howl, howl!"]
    table.to_parquet(path)
    told = prompts(compare(small))
    [lear] = [prompt for prompt in told if prompt.title == "After “LEAR:”"]
    [hamlet] = [prompt for prompt in told if "HAMLET" in prompt.title]
    [(system, texts)] = lear.rows
    written_now = dict(texts)["greedy"]
    assert system == "rnn"
    assert written_now is not None
    assert read(written_now) == "Howl, howl, howl!"
    assert dict(dict(hamlet.rows)["rnn"])["greedy"] is None


def test_the_first_questions_of_an_eval_have_everybody_s_answer_and_its_score(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(small)
    told = questions(comparison)
    assert {one.eval for one in told} == {"arithmetic", "turn_taking"}
    [sums] = [one for one in told if one.eval == "arithmetic"]
    assert len(sums.questions) == 6
    for question in sums.questions:
        assert [answer.system for answer in question.answers] == list(comparison.systems)
        target = "".join(piece.text for piece in question.target)
        for answer in question.answers:
            assert answer.score == ("yes" if read(answer.text) == target else "no")
    [turns] = [one for one in told if one.eval == "turn_taking"]
    scores = {answer.score for question in turns.questions for answer in question.answers}
    assert scores <= {"0.0 %", "100.0 %"}  # a share that was noted as a number is no yes or no
