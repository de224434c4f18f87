"""data=arithmetic: documents of solved problems, made from a seed.

The problems: harness/text/data/arithmetic_problems.py; how they are written: harness/text/data/arithmetic_wording.py.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import ClassVar

from harness.common.errors import UserError
from harness.text.data.arithmetic_problems import MAX_DIGITS, Operation, Problem, draw
from harness.text.data.arithmetic_wording import STYLES, Style, Wording
from harness.text.data.corpus import Corpus, DataSource, Document, Split
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat

_MOST_PROBLEMS = 10_000_000


@dataclass(frozen=True)
class Arithmetic(DataSource):
    """data=arithmetic: solved problems, several in a document. No fact is in two splits."""

    name: ClassVar[str] = "arithmetic"

    operations: list[Operation] = field(default_factory=lambda: ["+", "-"])
    """Any of + (sum), - (difference, may be negative) and x (product)."""
    min_digits: int = 1
    """Digits of the shortest operand, 1 to 5."""
    max_digits: int = 2
    """Digits of the longest operand, min_digits to 5."""
    even_sizes: float = 1.0
    """Share of the problems in which every pair of operand sizes is equally likely, 0 to 1. In the rest every number is
    equally likely, so most are of the greatest length."""
    style: Style = "plain"
    """plain (12+7=19), qa (Question: ... Answer: ...) or chat (a transcript, written as `format` says)."""
    reversed_answers: bool = False
    """Whether answers begin with their units: 12+7=91."""
    train_documents: int = 6000
    """Documents for training, 1 or more."""
    validation_documents: int = 250
    """Documents for validation, 1 or more."""
    test_documents: int = 250
    """Documents for test, 1 or more."""
    problems_per_document: int = 10
    """Problems in each document, 1 or more; none is repeated in a document while there are others."""
    seed: int = 0
    """Which problems are drawn, 0 or more. Which split a problem belongs to doesn't depend on it."""
    format: TranscriptFormat = HUMAN_ASSISTANT
    """How the transcripts of style=chat are written."""

    def __post_init__(self) -> None:
        if not self.operations or len(set(self.operations)) != len(self.operations):
            raise ValueError(f"operations={self.operations} must name at least one of +, -, x, and each at most once.")
        if unknown := [op for op in self.operations if op not in ("+", "-", "x")]:
            raise ValueError(f"operations has {unknown[0]!r}; allowed are +, - and x (for times).")
        if not 1 <= self.min_digits <= self.max_digits <= MAX_DIGITS:
            raise ValueError(
                f"min_digits={self.min_digits} and max_digits={self.max_digits} must satisfy "
                f"1 <= min_digits <= max_digits <= {MAX_DIGITS}."
            )
        if not 0 <= self.even_sizes <= 1:
            raise ValueError(f"even_sizes={self.even_sizes} must be from 0 to 1.")
        if self.style not in STYLES:
            raise ValueError(f"style={self.style!r} is not known; allowed are {', '.join(STYLES)}.")
        for setting in ("train_documents", "validation_documents", "test_documents", "problems_per_document"):
            if getattr(self, setting) < 1:
                raise ValueError(f"{setting}={getattr(self, setting)} must be 1 or more.")
        for setting in ("train_documents", "validation_documents", "test_documents"):
            if (number := getattr(self, setting) * self.problems_per_document) > _MOST_PROBLEMS:
                raise ValueError(
                    f"{setting}={getattr(self, setting):,} with problems_per_document={self.problems_per_document:,} "
                    f"are {number:,} problems; at most {_MOST_PROBLEMS:,} fit into one split."
                )
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} must be 0 or more.")

    @property
    def formats(self) -> tuple[TranscriptFormat, ...]:
        return (self.format,) if self.style == "chat" else ()

    def load(self) -> Corpus:
        """Makes the documents again at each call; the same settings give the same documents."""
        return Corpus(
            self.name,
            train=self._documents("train", self.train_documents),
            validation=self._documents("validation", self.validation_documents),
            test=self._documents("test", self.test_documents),
            formats=self.formats,
        )

    def _documents(self, split: Split, num_documents: int) -> tuple[Document, ...]:
        rng = random.Random(f"arithmetic {split} {self.seed}")
        drawn = draw(split, rng, self.operations, self.min_digits, self.max_digits, self.even_sizes)
        wording = Wording(self.style, self.format, self.reversed_answers)
        documents = []
        for i in range(num_documents):
            chosen: list[Problem] = []
            seen: set[Problem] = set()
            for _ in range(self.problems_per_document):
                problem = next(drawn, None)
                if problem is None:
                    raise UserError(
                        f"data=arithmetic has no {split} problems with operations={self.operations} and "
                        f"{self.min_digits} to {self.max_digits} digits. Allow more operations or digits."
                    )
                # A small split may have no other problem: try a few times.
                for _ in range(20):
                    if problem not in seen:
                        break
                    problem = next(drawn)
                seen.add(problem)
                chosen.append(problem)
            name = f"{split}/{i}"
            text = wording.solved(chosen)
            form = self.format.name if self.style == "chat" else None
            documents.append(Document(name, text, source=self.name, cluster=name, format=form))
        return tuple(documents)
