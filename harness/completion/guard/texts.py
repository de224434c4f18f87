"""The texts that a guard learns from: the turns of conversations and plays, the paragraphs of everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.common.seeds import seed_of
from harness.text.data.corpus import Corpus, Document

_BETWEEN_PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Texts:
    """Texts of one kind, each with its cluster."""

    texts: tuple[str, ...]
    clusters: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: Texts) -> Texts:
        return Texts(self.texts + other.texts, self.clusters + other.clusters)

    def without(self, others: set[str]) -> Texts:
        """Those that are not among others."""
        kept = [(text, cluster) for text, cluster in zip(self.texts, self.clusters, strict=True) if text not in others]
        return Texts(tuple(text for text, _ in kept), tuple(cluster for _, cluster in kept))


def texts_of(corpus: Corpus, split: str, most: int) -> Texts:
    """At most so many texts of a split, each once, drawn the same each time."""
    clusters: dict[str, str] = {}
    for document in corpus.documents(split):
        for text in _parts(corpus, document):
            clusters.setdefault(text, f"{corpus.name}/{document.cluster}")
    drawn = sorted(clusters, key=lambda text: seed_of("guard", text))[:most]
    return Texts(tuple(drawn), tuple(clusters[text] for text in drawn))


def _parts(corpus: Corpus, document: Document) -> Iterator[str]:
    form = corpus.format_of(document)
    parts = (
        _BETWEEN_PARAGRAPHS.split(document.text) if form is None else [t.text for t in form.parse(document.text).turns]
    )
    for part in parts:
        if text := part.strip():
            yield text
