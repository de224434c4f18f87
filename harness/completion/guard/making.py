"""Makes a guard from texts of two kinds, and measures it on others.

It learns from the training texts. Validation texts choose how strongly its weights are held back, and the probability
from which a text is refused: 0.5, or more where more of the wanted ones would be refused than was asked for. Test texts
say how often it errs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.common.errors import UserError
from harness.common.plurals import many
from harness.completion.guard.guard import Guard, new_vectorizer
from harness.completion.guard.texts import Texts, texts_of
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean
from harness.text.data.corpus import SPLITS, Corpus

_MOST_TEXTS = 20_000
_FEWEST_TEXTS = 20
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
_USE = {"train": "to learn from", "validation": "to choose by", "test": "to be tested on"}


@dataclass(frozen=True)
class Kinds:
    """Texts of both kinds, by split."""

    allowed: Mapping[str, Texts]
    refused: Mapping[str, Texts]


@dataclass(frozen=True)
class Quality:
    """How a guard does on test texts."""

    false_positives: Estimate
    """The share of allowed texts that it refuses."""
    false_negatives: Estimate
    """The share of the others that it lets through."""
    area: float
    """How often a text that isn't wanted gets a greater probability than a wanted one: the area under the ROC curve."""
    milliseconds: float
    """To judge one text."""
    wrongly_refused: Sequence[str]
    """Allowed texts that it refuses, those it is surest of first."""
    let_through: Sequence[str]
    """Texts that aren't wanted and that it lets through, those it is surest of first."""


def kinds_of(allowed: Sequence[Corpus], refused: Sequence[Corpus]) -> Kinds:
    """The texts of data sets, by split. A text that both kinds have counts as allowed.

    UserError where a kind has too few of them in a split.
    """
    known: set[str] = set()
    of_kind: dict[str, dict[str, Texts]] = {}
    for kind, corpora in (("--allow", allowed), ("--refuse", refused)):
        of_kind[kind] = {}
        for split in SPLITS:
            texts = sum((texts_of(corpus, split, _MOST_TEXTS // len(corpora)) for corpus in corpora), Texts((), ()))
            texts = texts.without(known)
            if len(texts) < _FEWEST_TEXTS:
                beside = ", beside those that are allowed" if known else ""
                raise UserError(
                    f"{kind} has {many(len(texts), 'text')} {_USE[split]}{beside}; a guard needs {_FEWEST_TEXTS} or "
                    f"more. {_advice(split)}."
                )
            of_kind[kind][split] = texts
        known = {text for texts in of_kind[kind].values() for text in texts.texts}
    return Kinds(of_kind["--allow"], of_kind["--refuse"])


def _advice(split: str) -> str:
    """What to do where a split has too few texts."""
    if split == "train":
        return "Name more data"
    return f"Name more data, or a greater share of them, as 'text data.paths=[...] data.{split}_fraction=0.2'"


def make(kinds: Kinds, false_positive_rate: float) -> Guard:
    """The guard that refuses at most this share of the allowed validation texts. UserError where they are too few to
    say so."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    num_allowed = len(kinds.allowed["validation"])
    if num_allowed * false_positive_rate < 1:
        raise UserError(
            f"--false-positive-rate {false_positive_rate:g} can't be kept to with {num_allowed:,} allowed texts "
            f"{_USE['validation']}: it takes {int(np.ceil(1 / false_positive_rate)):,}. Ask for a greater rate. Or: "
            f"{_advice('validation').lower()}."
        )
    vectorizer = new_vectorizer()
    train, is_refused = _both(kinds, "train")
    features = vectorizer.fit_transform(train)
    validation, outcomes = _both(kinds, "validation")
    held_out = vectorizer.transform(validation)
    fits = [LogisticRegression(C=strength, max_iter=1000).fit(features, is_refused) for strength in _STRENGTHS]
    best = min(fits, key=lambda fit: log_loss(outcomes, fit.predict_proba(held_out)[:, 1]))
    weights, bias = best.coef_[0].astype(np.float64), float(best.intercept_[0])
    ngrams = [str(name) for name in vectorizer.get_feature_names_out()]
    guard = Guard(ngrams, vectorizer.idf_.astype(np.float64), weights, bias, threshold=1.0)
    of_allowed = guard.probabilities(kinds.allowed["validation"].texts)
    threshold = threshold_for(of_allowed, false_positive_rate)
    return Guard(ngrams, guard.rarity, weights, bias, threshold)


def threshold_for(probabilities: NDArray[np.float64], false_positive_rate: float) -> float:
    """The least number from 0.5 on that at most this share of (N,) probabilities reach. It can be just above 1.

    Lower ones would only refuse texts that are likelier to be wanted.
    """
    falling = np.sort(probabilities)[::-1]
    allowed_errors = int(np.floor(false_positive_rate * len(falling) + 1e-9))
    return max(0.5, float(np.nextafter(falling[allowed_errors], np.inf)))


def measure(guard: Guard, kinds: Kinds) -> Quality:
    """How a guard does on the test texts."""
    from sklearn.metrics import roc_auc_score

    texts, outcomes = _both(kinds, "test")
    started = time.perf_counter()
    probabilities = guard.probabilities(texts)
    milliseconds = 1000 * (time.perf_counter() - started) / len(texts)
    refused = probabilities >= guard.threshold
    allowed_clusters, refused_clusters = kinds.allowed["test"].clusters, kinds.refused["test"].clusters
    order = np.argsort(probabilities, kind="stable")
    return Quality(
        mean(refused[~outcomes].astype(np.float64), allowed_clusters),
        mean((~refused[outcomes]).astype(np.float64), refused_clusters),
        float(roc_auc_score(outcomes, probabilities)),
        milliseconds,
        [texts[index] for index in order[::-1] if refused[index] and not outcomes[index]],
        [texts[index] for index in order if not refused[index] and outcomes[index]],
    )


def _both(kinds: Kinds, split: str) -> tuple[list[str], NDArray[np.bool_]]:
    """The texts of both kinds, and which of them aren't wanted: (N,)."""
    allowed, refused = kinds.allowed[split].texts, kinds.refused[split].texts
    return [*allowed, *refused], np.arange(len(allowed) + len(refused)) >= len(allowed)
