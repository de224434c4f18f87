"""Those who rate in the dashboard: what each is asked now, and the pairs that may be asked next."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from harness.ratings.bank import Bank
from harness.ratings.questions import Question, Questions

PAIRS_AT_ONCE = 50
_MOST_RATERS = 50


@dataclass
class Rater:
    """One rater of one bank, and the pairs that may be asked."""

    questions: Questions
    runs: tuple[str, ...]
    lock: threading.Lock = field(default_factory=threading.Lock)
    shown: Question | None = None
    shown_at: float = 0.0
    number: int = PAIRS_AT_ONCE
    """New pairs that were asked for."""

    def token(self, question: Question) -> str:
        """Names a question, and how many answers came before."""
        return f"{question.pair.id}-{question.first}-{len(self.questions.given)}"


class Raters:
    """Those who rate here."""

    def __init__(self) -> None:
        self._raters: dict[tuple[Path, str, tuple[str, ...]], Rater] = {}
        self._lock = threading.Lock()

    def get(self, bank: Bank, name: str, runs: tuple[str, ...]) -> Rater:
        """UserError where the bank is damaged."""
        key = (bank.folder, name, runs)
        with self._lock:
            if key not in self._raters:
                while len(self._raters) >= _MOST_RATERS:
                    self._raters.pop(next(iter(self._raters)))
                self._raters[key] = Rater(Questions(bank, name), runs)
            return self._raters[key]
