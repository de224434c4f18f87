"""A data set made by a rule: counting up from a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.text import Corpus, DataSource, Document


@dataclass(frozen=True)
class CountingRhyme(DataSource):
    """Its options."""

    name: ClassVar[str] = "counting_rhyme"

    num_documents: int = 60
    """3 or more: a tenth each, at least one, for validation and test."""

    def load(self) -> Corpus:
        documents = tuple(
            Document(f"from-{n}", " ".join(str(n + step) for step in range(12)), self.name, f"from-{n}")
            for n in range(self.num_documents)
        )
        tenth = max(1, len(documents) // 10)
        return Corpus(
            self.name, documents[2 * tenth :], validation=documents[:tenth], test=documents[tenth : 2 * tenth]
        )
