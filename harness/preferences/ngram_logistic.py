"""preference=ngram_logistic: how often each short run of characters is in a reply, and its length, each with a weight.

score = sum over n-grams of weight x count + weight x length. Logistic regression of who won on the differences of these
between the two replies, without an intercept: the model of Bradley and Terry (1952) with features. Ties and soft
ratings count as p of a win and 1 - p of a loss. The weights are pulled to 0 by their squares; how much is chosen by the
log loss in cross-validation over groups of conversations. Needs no torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.common.errors import NothingToLearn
from harness.common.options import check_least, check_option
from harness.preferences.preference import Backbone, Preference, PreferenceModel
from harness.ratings.rating import Rating, Written
from harness.statistics.arrays import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MOST_STEPS = 1000
_COARSE, _PRECISE = 1e-4, 1e-7
"""Slopes of the mean loss at which a search ends: to choose, and to keep."""
_CHARACTERS_OF_LENGTH = 100
"""The length counts in hundreds of characters, so that it varies about as much as the counts."""


@dataclass(frozen=True, kw_only=True)
class NGramLogistic(Preference):
    """Options of preference=ngram_logistic."""

    maker: ClassVar[str] = "harness.preferences.ngram_logistic"

    longest: int = 4
    """Characters of the longest n-gram."""
    least_replies: int = 2
    """An n-gram that is in fewer of the rated replies is left out."""
    strengths: tuple[float, ...] = (0.00001, 0.0001, 0.001, 0.01, 0.1)
    """The inverse strengths of the pull to 0 among which cross-validation chooses (C of scikit-learn)."""
    num_folds: int = 5
    """Of cross-validation."""

    def __post_init__(self) -> None:
        check_least(self, longest=1, least_replies=1, num_folds=2)
        check_option(self, "strengths", bool(self.strengths) and min(self.strengths) > 0, "numbers above 0")


def ngrams(text: str, longest: int) -> Iterator[str]:
    """All runs of 1 to `longest` characters of a text."""
    for size in range(1, longest + 1):
        for begin in range(len(text) - size + 1):
            yield text[begin : begin + size]


class WeighedNGrams(PreferenceModel):
    """The fitted model."""

    def __init__(self, longest: int, weights: Mapping[str, float], per_character: float) -> None:
        """weights: of each n-gram. per_character: what a character of length adds."""
        self.longest, self.weights, self.per_character = longest, dict(weights), per_character

    def scores(self, prompts: Sequence[str], replies: Sequence[Written]) -> Floats:
        weight = self.weights.get
        return np.array(
            [
                sum(weight(ngram, 0.0) for ngram in ngrams(reply.whole, self.longest))
                + self.per_character * len(reply.whole)
                for reply in replies
            ],
            dtype=float,
        )

    def added_by(self, reply: Written) -> dict[str, float]:
        """What each n-gram of a reply adds to its score, and under '' what its length does."""
        counts = Counter(ngrams(reply.whole, self.longest))
        added = {ngram: count * self.weights[ngram] for ngram, count in counts.items() if ngram in self.weights}
        return {**added, "": self.per_character * len(reply.whole)}

    def tensors(self) -> Mapping[str, Any]:
        return {
            "weights": np.array(list(self.weights.values()), dtype=np.float64),
            "per_character": np.array([self.per_character], dtype=np.float64),
        }

    def described(self) -> Mapping[str, Any]:
        return {"ngrams": list(self.weights)}


def loaded(
    settings: NGramLogistic, tensors: Mapping[str, Any], described: Mapping[str, Any], backbone: Backbone
) -> WeighedNGrams:
    """The model of which these were saved."""
    weights = dict(zip(described["ngrams"], tensors["weights"].tolist(), strict=True))
    return WeighedNGrams(settings.longest, weights, float(tensors["per_character"][0]))


def fit(settings: NGramLogistic, ratings: Sequence[Rating], backbone: Backbone) -> WeighedNGrams:
    """Learn from ratings."""
    vocabulary, differences = _differences(settings, ratings)
    wins = np.array([rating.p for rating in ratings], dtype=float)
    clusters = [rating.pair.cluster for rating in ratings]
    strength = _chosen_strength(settings, differences, wins, clusters)
    weights = _regression(differences, wins, strength, np.zeros(differences.shape[1]), _PRECISE)
    return WeighedNGrams(
        settings.longest,
        dict(zip(vocabulary, weights[:-1].tolist(), strict=True)),
        float(weights[-1]) / _CHARACTERS_OF_LENGTH,
    )


def _differences(settings: NGramLogistic, ratings: Sequence[Rating]) -> tuple[list[str], csr_matrix]:
    """(the n-grams that count, (N, F): how much more often each is in a than in b, and last how much longer a is)."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import CountVectorizer

    texts = [text for rating in ratings for text in (rating.pair.a.whole, rating.pair.b.whole)]
    counter = CountVectorizer(
        analyzer=lambda text: list(ngrams(text, settings.longest)), min_df=settings.least_replies, dtype=np.float64
    )
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # no n-gram is left
        raise NothingToLearn(
            f"no run of characters is in {settings.least_replies} of the rated replies or more, so nothing can be "
            "learnt from them. Rate more replies, or lower preference.least_replies."
        ) from None
    lengths = np.array([[len(text) / _CHARACTERS_OF_LENGTH] for text in texts])
    whole = hstack([counts, csr_matrix(lengths)], format="csr")
    return counter.get_feature_names_out().tolist(), whole[::2] - whole[1::2]


def _chosen_strength(settings: NGramLogistic, differences: csr_matrix, wins: Floats, clusters: Sequence[str]) -> float:
    """That with the least log loss on conversations that were left out. From the strongest pull on, weaker ones are
    tried until one is worse than the one before."""
    from sklearn.model_selection import GroupKFold

    strengths = sorted(settings.strengths)
    if len(strengths) == 1:
        return strengths[0]
    folds = list(GroupKFold(min(settings.num_folds, len(set(clusters)))).split(wins, groups=clusters))
    weights = [np.zeros(differences.shape[1])] * len(folds)
    best, least = strengths[0], np.inf
    for strength in strengths:
        loss = 0.0
        for number, (learnt, left_out) in enumerate(folds):
            weights[number] = _regression(differences[learnt], wins[learnt], strength, weights[number], _COARSE)
            lead = differences[left_out] @ weights[number]
            loss += float((np.logaddexp(0, -lead) + (1 - wins[left_out]) * lead).sum())
        if loss >= least:
            break
        best, least = strength, loss
    return best


def _regression(differences: csr_matrix, wins: Floats, strength: float, begin: Floats, least_slope: float) -> Floats:
    """The weights (F,) with the least strength x log loss + half of the sum of squared weights, as of scikit-learn's
    LogisticRegression without an intercept. begin: weights to begin with."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(weights: Floats) -> tuple[float, Floats]:
        lead = differences @ weights
        surprise = np.logaddexp(0, -lead) + (1 - wins) * lead
        slope = differences.T @ (expit(lead) - wins)
        pull = weights / (strength * len(wins))
        return float(surprise.mean() + weights @ pull / 2), slope / len(wins) + pull

    options = {"maxiter": _MOST_STEPS, "gtol": least_slope, "ftol": 0.0}
    weights: Floats = minimize(loss, begin, method="L-BFGS-B", jac=True, options=options).x
    return weights
