"""The guard itself: how likely is it that a text is of the kind that isn't wanted?

A logistic regression on the character n-grams of a text's words, weighted by tf-idf (scikit-learn). It knows nothing of
what words mean, only which letters stood in texts of either kind. A guard is a folder of two files: the numbers, and
the n-grams with what was measured when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.common.errors import UserError
from harness.common.files import write_bytes
from harness.common.sealed import Damaged, digest, read_object, read_sealed, write_sealed

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

GUARD_FILE, WEIGHTS_FILE = "guard.json", "guard.safetensors"
_VERSION = 1


def new_vectorizer(vocabulary: Sequence[str] | None = None) -> TfidfVectorizer:
    """What makes numbers of a text. vocabulary: the n-grams that count; None: those that are learnt."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(2, 5),
        min_df=2,
        max_features=50_000,
        sublinear_tf=True,
        lowercase=True,
        vocabulary=vocabulary,
    )


@dataclass(frozen=True, eq=False)
class Guard:
    """A classifier of texts, with the probability from which it refuses one."""

    ngrams: Sequence[str]
    """The N n-grams that count."""
    rarity: NDArray[np.float64]
    """(N,): the inverse document frequency of each."""
    weights: NDArray[np.float64]
    """(N,): in nats; above 0 speaks for a text that isn't wanted."""
    bias: float
    threshold: float
    """A text is refused from this probability on."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What it was made of, and how good it is."""

    @cached_property
    def _vectorizer(self) -> TfidfVectorizer:
        vectorizer = new_vectorizer(self.ngrams)
        vectorizer.idf_ = self.rarity
        return vectorizer

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(N,): how likely each of N texts is of the kind that isn't wanted."""
        if not texts:
            return np.zeros(0)
        nats = self._vectorizer.transform(texts) @ self.weights + self.bias
        return np.asarray(1 / (1 + np.exp(-nats)), np.float64)

    def refuses(self, text: str) -> bool:
        """Whether a text is refused. One without anything to read is not."""
        return bool(text.strip()) and bool(self.probabilities([text])[0] >= self.threshold)

    def telling(self, count: int) -> tuple[list[str], list[str]]:
        """The n-grams that speak most for a wanted text, and those for one that isn't, the strongest first. None is
        part of another."""
        order = np.argsort(self.weights * self.rarity, kind="stable")
        return self._apart(order, count), self._apart(order[::-1], count)

    def _apart(self, order: NDArray[np.int64], count: int) -> list[str]:
        """The first n-grams in this order of which none is part of another."""
        kept: list[str] = []
        for index in order:
            ngram = self.ngrams[index]
            if len(kept) < count and not any(ngram in other or other in ngram for other in kept):
                kept.append(ngram)
        return kept

    def save(self, folder: Path) -> None:
        """Write it to a folder."""
        from safetensors.numpy import save

        write_bytes(folder / WEIGHTS_FILE, save({"rarity": self.rarity, "weights": self.weights}))
        content = {
            "version": _VERSION,
            "bias": self.bias,
            "threshold": self.threshold,
            "facts": dict(self.facts),
            "ngrams": list(self.ngrams),
        }
        write_sealed(folder / GUARD_FILE, content, [WEIGHTS_FILE])


def load_guard(name: str) -> Guard:
    """The guard in a folder. UserError where there is none, or its files have changed."""
    from safetensors.numpy import load

    path = _file_of(name)
    content = read_sealed(path, f"the guard {name}")
    if content.get("version") != _VERSION:
        raise Damaged(path, f"the guard {name}", f"it is of version {content.get('version')}, not {_VERSION}")
    numbers = load((path.parent / WEIGHTS_FILE).read_bytes())
    return Guard(
        content["ngrams"],
        numbers["rarity"],
        numbers["weights"],
        content["bias"],
        content["threshold"],
        content["facts"],
    )


def digest_of(name: str) -> str:
    """What tells one guard from another of the same name. UserError where there is none. Needs no scikit-learn."""
    path = _file_of(name)
    read_object(path, f"the guard {name}")
    return digest(path)


def _file_of(name: str) -> Path:
    path = Path(name).expanduser() / GUARD_FILE
    if not path.is_file():
        raise UserError(
            f"{name!r} is not the folder of a guard: it has no {GUARD_FILE}. Make one, as with "
            "`bakeoff guard my_guard --allow chat --refuse shakespeare`, and name its folder."
        )
    return path
