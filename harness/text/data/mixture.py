"""data=mixture: several data sets in one, each with a share of the bytes.

In each split, whole documents are taken from every source, in an order shuffled by the seed, until the source has its
share. Clusters (plays, conversations) take turns, so that even a small split has documents of many. No document is
taken twice. They are interleaved, so the beginning of a split has about the same shares as the
whole. The total size is limited by the source that runs out first, or by a cap.

If arithmetic is one of the sources, training documents of other sources that contain one of its test problems are left
out.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from harness.common.errors import UserError
from harness.common.plurals import many
from harness.text.data.arithmetic import Arithmetic
from harness.text.data.arithmetic_problems import split_of
from harness.text.data.arithmetic_wording import problems_in_text
from harness.text.data.corpus import SPLITS, Corpus, DataSource, Document, Split
from harness.text.transcript_format import TranscriptFormat


@dataclass(frozen=True)
class Mixture(DataSource):
    """data=mixture: several data sets in one."""

    name: ClassVar[str] = "mixture"

    sources: dict[str, DataSource] = field(default_factory=dict)
    """The data sets, by name; the name becomes the source of their documents."""
    weights: dict[str, float] = field(default_factory=dict)
    """Each source's share of the bytes of every split, in any unit (only ratios count); 0 leaves a source out."""
    train_bytes: int | None = None
    """Most bytes for training, 1 or more; null: as much as the scarcest source allows."""
    validation_bytes: int | None = 100_000
    """Most bytes for validation, 1 or more; null: as much as the scarcest source allows."""
    test_bytes: int | None = 300_000
    """Most bytes for test, 1 or more; null: as much as the scarcest source allows."""
    seed: int = 0
    """Which documents are taken, and their order; 0 or more."""

    def __post_init__(self) -> None:
        names = ", ".join(self.sources) or "none"
        if self.sources.keys() != self.weights.keys():
            raise ValueError(
                f"weights has {', '.join(self.weights) or 'none'}, but the sources are {names}. Give each source a "
                "weight."
            )
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"weights.{name}={weight} must be 0 or more.")
        if not any(self.weights.values()):
            raise ValueError(f"no source has a weight above 0. Give one of them ({names}) a share, as 0.5.")
        for name, source in self.sources.items():
            if not isinstance(source, DataSource):
                raise ValueError(f"sources.{name} is {source!r}, which is not a data set. Use an option of data=.")
        named: dict[str, TranscriptFormat] = {}
        for form in self.formats:
            if named.setdefault(form.name, form) != form:
                raise ValueError(f"two sources have different formats with the same name {form.name!r}. Rename one.")
        for setting in ("train_bytes", "validation_bytes", "test_bytes"):
            if (cap := getattr(self, setting)) is not None and cap < 1:
                raise ValueError(f"{setting}={cap} must be 1 or more, or null for no limit.")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} must be 0 or more.")

    @property
    def formats(self) -> tuple[TranscriptFormat, ...]:
        """The formats of every source that has a share."""
        return tuple(form for name, weight in self.weights.items() if weight for form in self.sources[name].formats)

    def load(self) -> Corpus:
        """The mixed corpus. UserError where a source can't be loaded, or has nothing for a split."""
        corpora = {name: self.sources[name].load() for name, weight in self.weights.items() if weight}
        caps = {"train": self.train_bytes, "validation": self.validation_bytes, "test": self.test_bytes}
        notes = [f"{name}: {note}" for name, corpus in corpora.items() for note in corpus.notes]
        mixed = {}
        for split in SPLITS:
            pools = {name: self._pool(name, corpus, split) for name, corpus in corpora.items()}
            if split == "train" and any(isinstance(self.sources[name], Arithmetic) for name in corpora):
                notes += self._drop_leaks(pools)
            if empty := [name for name, pool in pools.items() if not pool]:
                raise UserError(
                    f"data=mixture: {empty[0]} has no {split} documents, so it can't get its share. Change its split, "
                    f"or leave it out (data.weights.{empty[0]}=0)."
                )
            mixed[split] = self._mix(pools, caps[split])
        return Corpus(
            self.name, mixed["train"], mixed["validation"], mixed["test"], notes=tuple(notes), formats=self.formats
        )

    def _pool(self, name: str, corpus: Corpus, split: Split) -> list[Document]:
        """A source's documents of a split, shuffled, with ids and clusters of the mixture."""
        pool = [
            dataclasses.replace(document, id=f"{name}/{document.id}", cluster=f"{name}/{document.cluster}", source=name)
            for document in corpus.documents(split)
        ]
        random.Random(f"mixture {self.seed} {split} {name}").shuffle(pool)
        return pool

    def _drop_leaks(self, pools: dict[str, list[Document]]) -> list[str]:
        """Remove training documents with a test problem from the pools; returns notes for the user."""
        notes = []
        for name, pool in pools.items():
            if isinstance(self.sources[name], Arithmetic):
                continue
            kept = [document for document in pool if not _holds_test_problem(document.text)]
            if len(kept) < len(pool):
                left_out = many(len(pool) - len(kept), "training document")
                notes.append(f"{name}: {left_out} left out because they contain test problems")
                pools[name] = kept
        return notes

    def _mix(self, pools: Mapping[str, Sequence[Document]], cap: int | None) -> tuple[Document, ...]:
        whole = sum(self.weights[name] for name in pools)
        share = {name: self.weights[name] / whole for name in pools}
        total = min(_num_bytes(pool) / share[name] for name, pool in pools.items())
        if cap is not None:
            total = min(total, cap)
        taken = {name: _take(pool, round(total * share[name])) for name, pool in pools.items()}
        return tuple(_interleave(taken, share))


def _take(pool: Sequence[Document], num_bytes: int) -> list[Document]:
    """Documents of at most num_bytes in total, in the pool's order: each that still fits, the clusters in turns; the
    smallest one where none fits."""
    num_before: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for place, document in enumerate(pool):
        turns.append((num_before[document.cluster], place))
        num_before[document.cluster] += 1
    taken: list[int] = []
    left = num_bytes
    for _, place in sorted(turns):
        if pool[place].num_bytes <= left:
            taken.append(place)
            left -= pool[place].num_bytes
    return [pool[place] for place in sorted(taken)] or [min(pool, key=lambda document: document.num_bytes)]


def _interleave(taken: Mapping[str, Sequence[Document]], share: Mapping[str, float]) -> list[Document]:
    """All documents; each next one comes from the source that is furthest behind its share."""
    bytes_used = dict.fromkeys(taken, 0)
    rest = {name: list(reversed(documents)) for name, documents in taken.items()}
    mixed = []
    while rest:
        name = min(rest, key=lambda name: bytes_used[name] / share[name])
        document = rest[name].pop()
        bytes_used[name] += document.num_bytes
        mixed.append(document)
        if not rest[name]:
            del rest[name]
    return mixed


def _num_bytes(documents: Sequence[Document]) -> int:
    return sum(document.num_bytes for document in documents)


def _holds_test_problem(text: str) -> bool:
    return any(split_of(problem) == "test" for problem in problems_in_text(text))
