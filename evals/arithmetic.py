"""Arithmetic: can the model answer small sums that it never saw in training?

Training and test problems are disjoint by construction (a hash of the problem decides), and the run counts how many
test problems occur in the training text all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pandas as pd

from harness.answers import digit_accuracy, first_number
from harness.evaluation import (
    Answer,
    Complete,
    Eval,
    Likelihood,
    Material,
    Request,
    Sample,
    Score,
    ScoreContinuation,
    measured,
    metric,
    slices_of,
)
from harness.record import Metric
from harness.statistics import mean
from harness.text.arithmetic import (
    MAX_DIGITS,
    Problem,
    count_problems_in_text,
    few_shot_prompt,
    problems,
    render,
    stop_text,
)
from harness.text.corpus import Split
from harness.writing import Completion

# (measure, unit, higher is better)
_MEANS = (
    ("exact_match", "share", True),
    ("target_greedy", "share", True),
    ("target_nats", "nats", False),
    ("answered", "share", True),
    ("digit_accuracy", "share", True),
)
_RIGHT_OR_WRONG = ("exact_match", "target_greedy")


@dataclass(frozen=True)
class Arithmetic(Eval):
    """Options of the arithmetic eval."""

    name: ClassVar[str] = "arithmetic"
    version: ClassVar[int] = 1
    why_no_samples: ClassVar[str] = "there are no test problems of these operations and digits"

    num_samples: int = 300
    """Test problems to ask."""
    operations: list[Literal["+", "-", "x"]] = field(default_factory=lambda: ["+", "-"])
    """Which of + - x."""
    min_digits: int = 1
    """Digits a side, 1 to 5."""
    max_digits: int = 2
    """Digits a side, from min_digits to 5."""
    style: Literal["plain", "qa", "chat"] = "chat"
    """How a problem is worded: '12+7=', the GPT-3 tasks' question and answer, or a conversation as the run's data
    writes it."""
    num_shots: int = 0
    """Solved training problems before each question."""
    max_new_tokens: int = 16
    """Tokens that an answer may take."""
    seed: int = 0
    """Of the choice of problems."""

    def __post_init__(self) -> None:
        if self.num_samples < 1 or self.max_new_tokens < 1 or self.num_shots < 0 or self.seed < 0:
            raise ValueError("num_samples and max_new_tokens must be 1 or more, num_shots and seed 0 or more")
        if not 1 <= self.min_digits <= self.max_digits <= MAX_DIGITS:
            raise ValueError(
                f"min_digits={self.min_digits} and max_digits={self.max_digits} are not allowed: "
                f"they must be from 1 to {MAX_DIGITS}, the first no larger than the second"
            )
        if not self.operations or len(set(self.operations)) < len(self.operations):
            raise ValueError(f"operations={self.operations} is not allowed: name one or more of + - x, each once")

    def samples(self, material: Material) -> Iterable[Sample]:
        form = material.corpus.chat_format
        shots = self._problems("train", self.num_shots)
        for problem in self._problems("test", self.num_samples):
            slices = {"operation": problem.op, "digits": str(problem.digits)}
            if problem.num_carries is not None:
                slices["carries"] = str(problem.num_carries)
            prompt = few_shot_prompt(problem, shots, self.style, form)
            yield Sample(problem.id, prompt, target=render(problem, self.style, form)[1], slices=slices)

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [
            Complete(sample.prompt, self.max_new_tokens, stop=(stop_text(self.style, material.corpus.chat_format),)),
            ScoreContinuation(sample.prompt, sample.target),
        ]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        completion, target = answers
        assert isinstance(completion, Completion)
        assert isinstance(target, Likelihood)
        right = int(sample.target)
        answer = first_number(completion.text)
        return Score(
            values={
                "exact_match": answer == right,
                "target_greedy": target.is_greedy,
                "target_nats": target.nats,
                "answered": answer is not None,
                "digit_accuracy": digit_accuracy(answer, right),
            },
            answer=completion.text,
            finish_reason=completion.finish_reason,
            nats=target.nats,
            num_tokens=target.num_tokens,
            num_bytes=len(sample.target.encode()),
        )

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        found = []
        for name, part in slices_of(rows):
            targets = part["target"]
            chance = 1 / targets.nunique()
            for measure, unit, higher_is_better in _MEANS:
                estimate = mean(measured(part, measure).to_numpy())
                guessing = chance if measure in _RIGHT_OR_WRONG else None
                found.append(metric(self, measure, estimate, unit, higher_is_better, name, guessing))
            most_frequent = targets.value_counts().sort_index().idxmax()
            always = mean((targets == most_frequent).to_numpy(dtype=float))
            found.append(metric(self, "most_frequent_answer", always, "share", None, name))
        return found

    def seen_in_training(self, samples: Sequence[Sample], material: Material) -> int:
        asked = self._problems("test", self.num_samples)
        return count_problems_in_text((document.text for document in material.corpus.train), asked)

    def _problems(self, split: Split, count: int) -> list[Problem]:
        return problems(split, count, self.seed, self.operations, self.min_digits, self.max_digits)
