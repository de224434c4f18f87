"""How problems are written, how answers are read, and how problems are found in a text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.text.data.arithmetic_problems import OPERATIONS, Problem, problems
from harness.text.data.arithmetic_wording import STYLES, Style, Wording, count_problems_in_text, problems_in_text
from harness.text.transcript_format import TranscriptFormat
from tests.harness.text.formats import CHATML, EVERY

any_problem = st.builds(Problem, st.integers(0, 99_999), st.sampled_from(OPERATIONS), st.integers(0, 99_999))


@pytest.mark.parametrize(
    ("style", "prompt", "target"),
    [
        ("plain", "98+45=", "143"),
        ("qa", "Question: What is 98 plus 45?\nAnswer:", " 143"),
        ("chat", "Human: What is 98 plus 45?\n\nAssistant:", " 143"),
    ],
)
def test_the_styles_are_worded_exactly(style: Style, prompt: str, target: str) -> None:
    assert Wording(style).render(Problem(98, "+", 45)) == (prompt, target)


def test_operations_are_worded_as_in_the_gpt3_tasks() -> None:
    assert [Wording("qa").render(Problem(8, op, 9))[0] for op in OPERATIONS] == [
        "Question: What is 8 plus 9?\nAnswer:",
        "Question: What is 8 minus 9?\nAnswer:",
        "Question: What is 8 times 9?\nAnswer:",
    ]
    assert Wording("plain").render(Problem(8, "-", 9)) == ("8-9=", "-1")


@pytest.mark.parametrize(
    ("style", "prompt"),
    [
        ("plain", "1+2=3\n4-5=-1\n6x7="),
        (
            "qa",
            "Question: What is 1 plus 2?\nAnswer: 3\n\nQuestion: What is 4 minus 5?\nAnswer: -1\n\n"
            "Question: What is 6 times 7?\nAnswer:",
        ),
        (
            "chat",
            "Human: What is 1 plus 2?\n\nAssistant: 3\n\nHuman: What is 4 minus 5?\n\nAssistant: -1\n\n"
            "Human: What is 6 times 7?\n\nAssistant:",
        ),
    ],
)
def test_solved_problems_come_before_the_question(style: Style, prompt: str) -> None:
    shots = [Problem(1, "+", 2), Problem(4, "-", 5)]
    wording, asked = Wording(style), Problem(6, "x", 7)
    assert wording.few_shot_prompt(asked, shots) == prompt
    assert wording.few_shot_prompt(asked, []) == wording.render(asked)[0]


@pytest.mark.parametrize("form", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("style", STYLES)
def test_the_stop_text_follows_an_answer_and_is_not_in_it(style: Style, form: TranscriptFormat) -> None:
    first, second = Problem(1, "+", 2), Problem(3, "+", 4)
    wording = Wording(style, form)
    prompt, target = wording.render(first)
    whole = wording.solved([first, second])
    assert whole.startswith(prompt + target + wording.stop_text)
    assert wording.stop_text not in target
    asked, answered = wording.few_shot_prompt(second, [first]), wording.render(second)[1]
    assert whole.startswith(asked + answered)


def test_in_chatml_a_problem_is_one_turn_of_each_speaker() -> None:
    problem = Problem(98, "+", 45)
    assert Wording("chat", CHATML).render(problem) == (
        "<|im_start|>user\nWhat is 98 plus 45?<|im_end|>\n<|im_start|>assistant\n",
        "143",
    )
    assert Wording("chat", CHATML).stop_text == "<|im_end|>"


@pytest.mark.parametrize(
    ("problem", "written"),
    [
        (Problem(98, "+", 45), "341"),
        (Problem(12, "-", 45), "33-"),
        (Problem(60, "+", 60), "021"),
        (Problem(5, "-", 5), "0"),
    ],
)
@pytest.mark.parametrize("style", STYLES)
def test_reversed_answers_begin_with_their_units_and_are_read_so(style: Style, problem: Problem, written: str) -> None:
    wording = Wording(style, reversed_answers=True)
    prompt, target = wording.render(problem)
    assert (prompt, target.strip()) == (Wording(style).render(problem)[0], written)
    assert wording.number_in(target) == problem.answer
    assert wording.number_in(f"{target}{wording.stop_text}12") == problem.answer


@given(problem=any_problem)
@pytest.mark.parametrize("reversed_answers", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_written_answers_are_read_back(style: Style, reversed_answers: bool, problem: Problem) -> None:
    wording = Wording(style, reversed_answers=reversed_answers)
    assert wording.number_in(wording.render(problem)[1]) == problem.answer


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("91", 19),
        (" 91 or so", 19),
        ("91-", -19),
        ("91 or 2", 19),
        ("12+7=91", 19),
        ("12-45=33-", -33),
        ("", None),
        ("-", None),
        ("1.5", None),
        ("052", 250),
    ],
)
def test_a_reversed_number_is_the_first_whole_one(text: str, number: int | None) -> None:
    assert Wording("plain", reversed_answers=True).number_in(text) == number


@given(problem=any_problem, style=st.sampled_from(STYLES))
def test_a_planted_problem_is_found_in_every_style(problem: Problem, style: Style) -> None:
    before, after = ("\n", "\n") if style == "plain" else ("Some words.\n\n", "\n\n")
    text = f"{before}{Wording(style).solved([problem])}{after}"
    assert set(problems_in_text(text)) == {problem}
    assert count_problems_in_text(["nothing here", text], [problem]) == 1
    assert count_problems_in_text([text], [Problem(problem.a + 1, problem.op, problem.b)]) == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12+7=19", ["12+7"]),
        ("12 + 7 = 19", ["12+7"]),
        ("12+7=", ["12+7"]),
        ("what is 12+7", ["12+7"]),
        ("What's 12 - 7?", ["12-7"]),
        ("I say 12 plus 7 is 19", ["12+7"]),
        ("12 times 7", ["12x7"]),
        ("112+7=119", ["112+7"]),
        ("12+77=89", ["12+77"]),
        ("5+12+7=24", []),
        ("1,212 plus 7", []),
        ("3.12+7=", []),
        ("about 10-20 people", []),
        ("12 plus seven", []),
        ("12+7", []),
        ("9" * 5000 + "+7=", []),
        ("1+2=3\n4+5=9", ["1+2", "4+5"]),
    ],
)
def test_only_whole_problems_that_are_asked_are_found(text: str, found: list[str]) -> None:
    assert [problem.id for problem in problems_in_text(text)] == found


def test_a_problem_counts_once_however_often_it_occurs() -> None:
    assert count_problems_in_text(["1+2=3\n1+2=3", "What is 1 plus 2?"], [Problem(1, "+", 2)]) == 1


def test_ten_megabytes_are_scanned_in_seconds() -> None:
    texts = ["Speak the speech, I pray you, as I pronounced it to you. Call 555-1234 at 7.\n" * 1300] * 100
    drawn_problems = problems("test", 2000, 0)
    began = time.perf_counter()
    assert count_problems_in_text(texts, drawn_problems) == 0
    assert time.perf_counter() - began < 10
