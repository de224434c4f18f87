"""How problems a op b are written, how answers are read, and how problems are found in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from harness.text.data.arithmetic_problems import MAX_DIGITS, OPERATIONS, Operation, Problem
from harness.text.numbers import first_number, without_problems
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat

Style = Literal["plain", "qa", "chat"]
STYLES: tuple[Style, ...] = get_args(Style)

# The separator between problems; in a chat it is the format's.
_SEPARATOR: dict[Style, str] = {"plain": "\n", "qa": "\n\n"}
_WORDS: dict[Operation, str] = {"+": "plus", "-": "minus", "x": "times"}
# An answer written backwards: its sign comes last.
_REVERSED_NUMBER = re.compile(r"(?<![\d.,])\d+(?!\d|[.,]\d)-?")


@dataclass(frozen=True)
class Wording:
    """How problems and answers are written.

    plain: "12+7=" and "19". qa: the wording of the GPT-3 tasks (Brown et al. 2020) as lm-eval's `arithmetic` asks it,
    "Question: What is 12 plus 7?\\nAnswer:" and " 19". chat: a conversation in the format `format`, by default
    "Human: What is 12 plus 7?\\n\\nAssistant:" and " 19".
    """

    style: Style = "chat"
    format: TranscriptFormat = HUMAN_ASSISTANT
    """The format of a chat."""
    reversed_answers: bool = False
    """Whether answers begin with their units and end with their sign ("12-45=33-"), so that a carry is known before it
    is needed (Lee et al. 2023)."""

    def render(self, problem: Problem) -> tuple[str, str]:
        """The prompt and the target; a text is one after the other."""
        question, answer = self._turns(problem)
        if self.style == "plain":
            return f"{problem.id}=", answer.text
        if self.style == "qa":
            return f"Question: {question.text}\nAnswer:", f" {answer.text}"
        return self.format.open_turn(Transcript((question,)), ASSISTANT), self.format.body(answer)

    def few_shot_prompt(self, problem: Problem, shots: Sequence[Problem]) -> str:
        """The prompt of a problem, after solved ones (shots)."""
        if self.style == "chat":
            solved = [turn for shot in shots for turn in self._turns(shot)]
            return self.format.open_turn(Transcript((*solved, self._turns(problem)[0])), ASSISTANT)
        written = [*("".join(self.render(shot)) for shot in shots), self.render(problem)[0]]
        return _SEPARATOR[self.style].join(written)

    def solved(self, problems: Sequence[Problem]) -> str:
        """A text of problems with their answers."""
        if self.style == "chat":
            return self.format.render(Transcript(tuple(turn for problem in problems for turn in self._turns(problem))))
        return _SEPARATOR[self.style].join("".join(self.render(problem)) for problem in problems)

    @property
    def stop_text(self) -> str:
        """The text after an answer."""
        return self.format.stop_text(HUMAN) if self.style == "chat" else _SEPARATOR[self.style]

    def number_in(self, text: str) -> Decimal | None:
        """The number that a text gives as its answer: the first one outside a problem; None where there is none."""
        if not self.reversed_answers:
            return first_number(text)
        match = _REVERSED_NUMBER.search(without_problems(text))
        return Decimal(match[0][::-1]) if match else None

    def _turns(self, problem: Problem) -> tuple[Turn, Turn]:
        answer = str(problem.answer)
        question = f"What is {problem.a} {_WORDS[problem.op]} {problem.b}?"
        return Turn(HUMAN, question), Turn(ASSISTANT, answer[::-1] if self.reversed_answers else answer)


def count_problems_in_text(texts: Iterable[str], problems: Iterable[Problem]) -> int:
    """How many of the problems occur in any of the texts, or others that say the same fact (12+7, 7+12, 19-7): in any
    style, with or without an answer."""
    by_fact: dict[str, set[Problem]] = {}
    for problem in problems:
        by_fact.setdefault(problem.fact, set()).add(problem)
    occurring: set[Problem] = set()
    for text in texts:
        for problem in problems_in_text(text):
            occurring |= by_fact.get(problem.fact, set())
    return len(occurring)


# "12+7=", "12 + 7 =", "What is 12 + 7"; "12 plus 7". Not a part of a longer sum or number.
_IN_SIGNS = re.compile(r"(?<![\d.,+x=-])(\d+) ?([+x-]) ?(\d+)(?= ?=)")
_IN_SIGNS_ASKED = re.compile(r"[Ww]hat(?: i|')s (\d+) ?([+x-]) ?(\d+)(?!\d)")
_IN_WORDS = re.compile(r"(?<![\d.,])(\d+) (plus|minus|times) (\d+)(?!\d)")
# "12+7=19", of numbers that can be read in no time.
_ANSWERED = re.compile(
    r"(?<![\d.,+x=-])(?<![+x=-] )(\d{1,15}) ?([+x-]) ?(\d{1,15}) ?= ?(-?\d{1,30})(?![\d+x=-]|[.,]\d)"
)
# Every text with a problem matches this; a quick test.
_ANY_PROBLEM = re.compile(r"\d(?: ?[+x-] ?| (?:plus|minus|times) )\d")
_SIGNS: dict[str, Operation] = {**{sign: sign for sign in OPERATIONS}, **{word: op for op, word in _WORDS.items()}}


def answered_in_text(text: str) -> Iterator[tuple[Problem, int]]:
    """Every problem of two numbers that a text writes with its answer, as '12+7=19', and that answer."""
    for a, sign, b, answer in _ANSWERED.findall(text):
        yield Problem(int(a), _SIGNS[sign], int(b)), int(answer)


def problems_in_text(text: str) -> Iterator[Problem]:
    """Every problem that occurs in a text, in any style, with or without an answer; repetitions included."""
    for pattern in (_IN_SIGNS, _IN_SIGNS_ASKED, _IN_WORDS) if _ANY_PROBLEM.search(text) else ():
        for a, sign, b in pattern.findall(text):
            # Our operands are never longer (and Python refuses to parse very long numbers).
            if max(len(a), len(b)) <= 2 * MAX_DIGITS:
                yield Problem(int(a), _SIGNS[sign], int(b))
