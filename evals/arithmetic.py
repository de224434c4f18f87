"""Arithmetic: can the model answer small sums that it never saw in training?

Training and test problems are disjoint by construction (a hash of the problem decides). The run also counts the test
problems that occur in the training text.

The answer is the first number of a completion outside a problem: '12+7=19' answers 19, '19/20' answers nothing,
'19 million' isn't 19, 'minus 7' is -7, '19 cm' is 19 (`first_number` in harness/text/numbers.py).

`exact_match`: the answer is right. `answered`: there is an answer. `digit_accuracy`: the share of its digits that are
right. `majority_of_5` (or another number): the answer that most completions give is right (the first among equals; Wang
et al. 2022). `target_greedy`: greedy decoding would write the target, as lm-eval's `acc`. `target_nats`: -ln of the
target's probability. For comparison: `chance` is the score of guessing one of the possible answers, and
`most_frequent_answer` is the score of always giving the most frequent answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from harness.common.options import check_least, check_most
from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material, mean_metric, metric_of
from harness.evaluation.metric import Baseline, Measure, Metric
from harness.evaluation.requests import MOST_NEW_TOKENS, Answer, Complete, Request, Sample, Score, ScoreContinuation
from harness.evaluation.rows import slices_of
from harness.scoring.answers import Likelihood
from harness.statistics.intervals import mean
from harness.text.data.arithmetic_problems import MAX_DIGITS, MOST_PROBLEMS, Operation, Problem, problems
from harness.text.data.arithmetic_wording import Style, Wording, count_problems_in_text
from harness.text.data.corpus import Split
from harness.text.numbers import majority

if TYPE_CHECKING:
    import pandas as pd


def digit_accuracy(answer: Decimal | None, target: int) -> float:
    """The share of right digits, counted from the units, over the longer of the two numbers; the sign counts as a
    digit.

    A missing number, or one that isn't whole, has no right digit.
    """
    if answer is None or answer != answer.to_integral_value():
        return 0.0
    ours, theirs = _places(answer), _places(Decimal(target))
    return sum(a == b for a, b in zip(ours, theirs, strict=False)) / max(len(ours), len(theirs))


def _places(number: Decimal) -> str:
    """'-12' as '21-': units first, then the minus; for a whole number of any length."""
    digits = f"{number:f}".partition(".")[0].lstrip("-0") or "0"
    return digits[::-1] + "-" * (number < 0)


_MEANS = (
    Measure("exact_match"),
    Measure("target_greedy", uses_decoding=False),
    Measure("target_nats", "nats", higher_is_better=False, uses_decoding=False),
    Measure("answered"),
    Measure("digit_accuracy"),
)
_NOT_GUESSED = ("target_nats", "answered", "digit_accuracy")


@dataclass(frozen=True)
class Arithmetic(Eval):
    """Options of the arithmetic eval."""

    name: ClassVar[str] = "arithmetic"
    version: ClassVar[int] = 4
    descriptions: ClassVar[Mapping[str, str]] = {
        "exact_match": "Share of the problems where the first number that the model writes is the right answer.",
        "target_greedy": (
            "Share of the problems whose right answer greedy decoding would write, whatever the decoding "
            "strategy of the run."
        ),
        "majority_of_5": "Share of the problems where the answer that most of five completions give is the right one.",
        "target_nats": "-ln of the probability that the model gives to the right answer.",
        "answered": "Share of the problems where the model writes any number.",
        "digit_accuracy": "Share of the right answer's digits that are right, counted from the units.",
    }
    why_no_samples: ClassVar[str] = "there are no test problems of these operations and digits"

    num_samples: int = 500
    """Test problems to ask."""
    operations: list[Operation] = field(default_factory=lambda: ["+", "-"])
    """Which of + - x."""
    min_digits: int = 1
    """Digits on each side, 1 to 5."""
    max_digits: int = 2
    """Digits on each side, from min_digits to 5."""
    style: Style = "plain"
    """How a problem is worded: '12+7=', the GPT-3 tasks' question and answer, or a conversation as the run's data
    writes it."""
    reversed_answers: bool = False
    """Whether answers are expected with their units first, as data=arithmetic can write them."""
    num_shots: int = 0
    """Solved training problems before each question."""
    num_votes: int = 5
    """Completions of each problem whose majority counts (majority_of_5); 0 or 1: no vote."""
    max_new_tokens: int = 16
    """Tokens that an answer may take."""
    seed: int = 0
    """The seed that chooses the problems."""

    def __post_init__(self) -> None:
        check_least(self, num_samples=1, max_new_tokens=1, num_shots=0, num_votes=0, seed=0)
        check_most(
            self, num_samples=MOST_PROBLEMS, num_shots=MOST_PROBLEMS, num_votes=10_000, max_new_tokens=MOST_NEW_TOKENS
        )
        if not 1 <= self.min_digits <= self.max_digits <= MAX_DIGITS:
            raise ValueError(
                f"min_digits={self.min_digits} and max_digits={self.max_digits} are not allowed: "
                f"they must be from 1 to {MAX_DIGITS}, the first no larger than the second"
            )
        if not self.operations or len(set(self.operations)) < len(self.operations):
            raise ValueError(f"operations={self.operations} is not allowed: name one or more of + - x, each once")

    def samples(self, material: Material) -> Iterable[Sample]:
        wording = self._wording(material)
        shots = self._problems("train", self.num_shots)
        for problem in self._problems("test", self.num_samples):
            slices = {"operation": problem.op, "digits": str(problem.digits)}
            if problem.num_carries is not None:
                slices["carries"] = str(problem.num_carries)
            prompt, target = wording.few_shot_prompt(problem, shots), wording.render(problem)[1]
            yield Sample(problem.id, prompt, target=target, slices=slices)

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        complete = Complete(sample.prompt, self.max_new_tokens, stop=(self._wording(material).stop_text,))
        return [*[complete] * max(1, self.num_votes), ScoreContinuation(sample.prompt, sample.target)]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        *completions, target = answers
        assert isinstance(target, Likelihood)
        written = [completion for completion in completions if isinstance(completion, Completion)]
        wording = self._wording(material)
        right = wording.number_in(sample.target)
        assert right is not None
        numbers = [wording.number_in(completion.text) for completion in written]
        chosen = majority(numbers)
        voted = chosen is not None and numbers[chosen] == right
        return Score(
            values={
                "exact_match": numbers[0] == right,
                **{measure.name: voted for measure in self._votes},
                "target_greedy": target.is_greedy,
                "target_nats": target.nats,
                "answered": numbers[0] is not None,
                "digit_accuracy": digit_accuracy(numbers[0], int(right)),
            },
            answer=written[0].text,
            finish_reason=written[0].finish_reason,
            nats=target.nats,
            num_tokens=target.num_tokens,
            num_bytes=len(sample.target.encode()),
        )

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        found = []
        for name, part in slices_of(rows):
            targets = part["target"]
            chance = 1 / targets.nunique()
            for measure in (*_MEANS, *self._votes):
                guessing = None if measure.name in _NOT_GUESSED else chance
                found.append(mean_metric(self, measure, part, name, guessing))
            most_frequent = targets.value_counts().sort_index().idxmax()
            always = mean((targets == most_frequent).to_numpy(dtype=float))
            baseline = Baseline("exact_match", "most_frequent_answer", is_trivial=True)
            found.append(metric_of(self, baseline.label, always, "share", None, name, baseline=baseline))
        return found

    def seen_in_training(self, samples: Sequence[Sample], material: Material) -> int:
        asked = self._problems("test", self.num_samples)
        return count_problems_in_text((document.text for document in material.corpus.train), asked)

    @property
    def _votes(self) -> tuple[Measure, ...]:
        """The measure of the vote, in addition to `_MEANS`; none without a vote."""
        return (Measure(f"majority_of_{self.num_votes}"),) if self.num_votes > 1 else ()

    def _wording(self, material: Material) -> Wording:
        return Wording(self.style, material.corpus.chat_format, self.reversed_answers)

    def _problems(self, split: Split, count: int) -> list[Problem]:
        return problems(split, count, self.seed, self.operations, self.min_digits, self.max_digits)
