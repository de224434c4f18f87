from __future__ import annotations

import random
import time
from collections import Counter
from itertools import islice, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.common.errors import UserError
from harness.text.data import arithmetic as arithmetic_data
from harness.text.data.arithmetic import Arithmetic
from harness.text.data.arithmetic_problems import OPERATIONS, Operation, Problem, draw, problems, split_of
from harness.text.data.arithmetic_wording import STYLES, Style, Wording, count_problems_in_text, problems_in_text
from harness.text.data.corpus import SPLITS
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from tests.harness.text.formats import CHATML, EVERY

any_problem = st.builds(Problem, st.integers(0, 99_999), st.sampled_from(OPERATIONS), st.integers(0, 99_999))


@pytest.mark.parametrize(
    ("problem", "answer", "digits", "num_carries"),
    [
        (Problem(12, "+", 7), 19, 2, 0),
        (Problem(98, "+", 45), 143, 2, 2),
        (Problem(999, "+", 1), 1000, 3, 3),
        (Problem(45, "-", 12), 33, 2, 0),
        (Problem(12, "-", 45), -33, 2, 0),
        (Problem(100, "-", 1), 99, 3, 2),
        (Problem(1, "-", 100), -99, 3, 2),
        (Problem(5, "-", 5), 0, 1, 0),
        (Problem(12, "x", 12), 144, 2, None),
        (Problem(0, "+", 0), 0, 1, 0),
    ],
)
def test_answers_digits_and_carries(problem: Problem, answer: int, digits: int, num_carries: int | None) -> None:
    assert (problem.answer, problem.digits, problem.num_carries) == (answer, digits, num_carries)


@given(a=st.integers(0, 99_999), b=st.integers(0, 99_999))
def test_carries_are_what_the_digit_sums_say(a: int, b: int) -> None:
    """Kummer / Legendre: digits(a) + digits(b) - digits(a + b) = 9 times the carries, summed over digits."""

    def digit_sum(number: int) -> int:
        return sum(map(int, str(number)))

    assert 9 * (Problem(a, "+", b).num_carries or 0) == digit_sum(a) + digit_sum(b) - digit_sum(a + b)
    high, low = max(a, b), min(a, b)
    assert Problem(a, "-", b).num_carries == Problem(high - low, "+", low).num_carries


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
def test_solved_problems_stand_before_the_one_asked(style: Style, prompt: str) -> None:
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


def test_in_chatml_a_problem_is_a_turn_of_each() -> None:
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
def test_what_is_written_is_what_is_read(style: Style, reversed_answers: bool, problem: Problem) -> None:
    wording = Wording(style, reversed_answers=reversed_answers)
    assert wording.number_in(wording.render(problem)[1]) == problem.answer


@pytest.mark.parametrize(
    ("text", "number"),
    [("91", 19), (" 91 or so", 19), ("91-", -19), ("91 - 2", 19), ("", None), ("-", None), ("1.5", None), ("052", 250)],
)
def test_a_reversed_number_is_the_first_whole_one(text: str, number: int | None) -> None:
    assert Wording("plain", reversed_answers=True).number_in(text) == number


# --- splits


@given(problem=any_problem)
def test_swapping_the_operands_of_a_sum_or_product_stays_in_the_split(problem: Problem) -> None:
    if problem.op != "-":
        assert split_of(problem) == split_of(Problem(problem.b, problem.op, problem.a))


def test_splits_of_problems_never_change() -> None:
    """A frozen sample: if this fails, stored results were made with other test problems."""
    letter = {"train": ".", "validation": "v", "test": "t"}
    asked = product((0, 7, 42, 905), OPERATIONS, (3, 8, 58, 61))
    found = "".join(letter[split_of(Problem(a, op, b))] for a, op, b in asked)
    assert found == "tv......v.t....t..........v..t...v.v.t...t....v."


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_problem_belongs_to_one_split_and_each_split_has_small_ones(op: Operation) -> None:
    drawn = [set(problems(split, 1000, seed=0, operations=(op,), min_digits=1, max_digits=1)) for split in SPLITS]
    assert all(drawn)
    assert set().union(*drawn) == {Problem(a, op, b) for a in range(10) for b in range(10)}
    assert sum(map(len, drawn)) == 100


@pytest.mark.parametrize("digits", [(1, 1), (1, 2), (2, 3), (1, 5)])
def test_problems_of_different_splits_are_disjoint(digits: tuple[int, int]) -> None:
    drawn = [set(problems(split, 3000, 0, OPERATIONS, *digits)) for split in SPLITS]
    assert len(set().union(*drawn)) == sum(map(len, drawn))
    assert all(split_of(problem) == split for split, chosen in zip(SPLITS, drawn, strict=True) for problem in chosen)


# --- drawing


def test_a_larger_n_gives_the_same_problems_and_then_more() -> None:
    assert problems("test", 500, 3)[:40] == problems("test", 40, 3)


def test_another_seed_gives_other_problems() -> None:
    assert problems("test", 40, 0) == problems("test", 40, 0) != problems("test", 40, 1)


def test_problems_are_distinct_and_all_there_are_when_more_are_asked() -> None:
    found = problems("test", 100_000, 0, ("+",), 1, 2)
    every = (Problem(a, "+", b) for a in range(100) for b in range(100))
    assert sorted(found) == sorted(problem for problem in every if split_of(problem) == "test")


def test_a_large_kind_is_exhausted_too() -> None:
    found = problems("validation", 20_000, 0, ("-",), 2, 3)
    assert len(found) == len(set(found)) == 20_000


@pytest.mark.parametrize("max_digits", [2, 3, 5])
def test_sizes_and_operations_are_balanced(max_digits: int) -> None:
    kinds = 2 * max_digits**2
    n = kinds * 4
    found = Counter(
        (problem.op, len(str(problem.a)), len(str(problem.b)))
        for problem in problems("train", n, 0, ("+", "-"), 1, max_digits)
    )
    assert len(found) == kinds
    assert set(found.values()) == {4}


def test_drawing_gives_all_sizes_about_equally_often() -> None:
    drawn = islice(draw("train", random.Random(0), ("+", "-"), 1, 2), 4000)
    found = Counter((len(str(problem.a)), len(str(problem.b))) for problem in drawn)
    assert all(count == pytest.approx(1000, abs=120) for count in found.values())


def test_in_a_share_of_the_draws_every_number_is_equally_likely() -> None:
    drawn = islice(draw("train", random.Random(0), ("+",), 1, 3, even_sizes=0.5), 4000)
    long = sum(len(str(problem.a)) == len(str(problem.b)) == 3 for problem in drawn)
    # half of a ninth, and half of 0.9 * 0.9
    assert long / 4000 == pytest.approx(0.5 / 9 + 0.5 * 0.81, abs=0.03)


def test_asking_for_too_many_problems_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 100000"):
        problems("test", 100_001, 0)


# --- finding problems in texts


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
    wanted = problems("test", 2000, 0)
    began = time.perf_counter()
    assert count_problems_in_text(texts, wanted) == 0
    assert time.perf_counter() - began < 10


# --- the data set


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("digits", [(1, 1), (1, 2), (4, 5)])
def test_training_text_holds_no_held_out_problem(style: Style, digits: tuple[int, int]) -> None:
    corpus = Arithmetic(
        operations=list(OPERATIONS),
        min_digits=digits[0],
        max_digits=digits[1],
        style=style,
        train_documents=40,
        validation_documents=5,
        test_documents=5,
    ).load()
    held = {split: set(problems_in_text("\n\n".join(one.text for one in corpus.documents(split)))) for split in SPLITS}
    assert all(held.values())
    assert not held["train"] & (held["validation"] | held["test"])
    assert not held["validation"] & held["test"]
    assert (
        count_problems_in_text((one.text for one in corpus.train), problems("test", 5000, 0, OPERATIONS, *digits)) == 0
    )


def test_chat_style_documents_are_transcripts() -> None:
    corpus = Arithmetic(train_documents=20).load()
    for split, document in corpus:
        assert document.format == "human_assistant"
        turns = HUMAN_ASSISTANT.parse(document.text).turns
        assert len(turns) == 20
        assert document.id.startswith(split)
    assert {document.format for _, document in Arithmetic(style="plain", train_documents=5).load()} == {None}


def test_chat_style_documents_are_written_in_the_format_that_is_asked_for() -> None:
    corpus = Arithmetic(train_documents=5, format=CHATML).load()
    assert corpus.chat_format == CHATML
    for _, document in corpus:
        assert corpus.format_of(document) == CHATML
        assert len(CHATML.parse(document.text).turns) == 20
        assert len(list(problems_in_text(document.text))) == 10


def test_a_document_repeats_no_problem_while_there_are_others() -> None:
    for document in Arithmetic(train_documents=200).load().train:
        found = list(problems_in_text(document.text))
        assert len(found) == len(set(found)) == 10


def test_a_document_may_be_longer_than_there_are_problems() -> None:
    corpus = Arithmetic(
        operations=["x"],
        max_digits=1,
        style="plain",
        train_documents=3,
        validation_documents=3,
        test_documents=3,
        problems_per_document=60,
    ).load()
    assert len(corpus.validation[0].text.split("\n")) == 60


def test_the_seed_draws_other_documents_from_the_same_splits() -> None:
    first, again, other = (Arithmetic(train_documents=30, seed=seed).load() for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    train = set(problems_in_text("\n\n".join(one.text for one in other.train)))
    test = set(problems_in_text("\n\n".join(one.text for one in first.test)))
    assert not train & test


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"operations": []}, "operations"),
        ({"operations": ["+", "+"]}, "at most once"),
        ({"operations": ["/"]}, "'/'; allowed are"),
        ({"min_digits": 0}, "1 <= min_digits"),
        ({"min_digits": 3, "max_digits": 2}, "1 <= min_digits"),
        ({"max_digits": 6}, "<= 5"),
        ({"style": "poem"}, "plain, qa, chat"),
        ({"train_documents": 0}, "train_documents=0"),
        ({"problems_per_document": 0}, "problems_per_document=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Arithmetic(**wrong)  # type: ignore[arg-type]


def test_a_split_without_problems_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic_data, "draw", lambda *_: iter(()))
    with pytest.raises(UserError, match="no train problems"):
        Arithmetic().load()
