"""preference=ngram_logistic: how often each short run of characters is in a reply, how long it is and whether it hands
over.

score = sum over n-grams of weight x count + a curve of the length + weight x (1 where it hands over). The curve is a
straight line between any two of 0, 1, 3, 7, 15, ... characters, in the logarithm: too short and too long can both be
bad. Logistic regression of who won on the differences of these between the two replies, without an intercept: the model
of Bradley and Terry (1952) with features. Ties and soft ratings count as p of a win and 1 - p of a loss. The weights
are pulled to 0 by their squares, those of n-grams more than the few others; how much is chosen by the log loss in
cross-validation over groups of conversations. Needs no torch.
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
_DOUBLINGS = 16
"""Of the length, each with a weight."""
_PULL_OF_FORM = 0.001
"""How much the weights of length and of handing over are pulled to 0, where those of n-grams are pulled by 1: they are
few, and each says more."""


@dataclass(frozen=True, kw_only=True)
class NGramLogistic(Preference):
    """Options of preference=ngram_logistic."""

    version: ClassVar[int] = 2
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


def form(reply: Written) -> Floats:
    """(F,): how far its length is through each doubling, 0 to 1, and 1 where it hands over."""
    doublings = np.log2(1 + len(reply.text.strip())) - np.arange(_DOUBLINGS)
    return np.append(np.clip(doublings, 0.0, 1.0), float(reply.finish_reason == "stop"))


class WeighedNGrams(PreferenceModel):
    """The fitted model."""

    def __init__(self, longest: int, weights: Mapping[str, float], of_form: Floats) -> None:
        """weights: of each n-gram. of_form: (F,), of what `form` gives."""
        self.longest, self.weights, self.of_form = longest, dict(weights), of_form

    def scores(self, prompts: Sequence[str], replies: Sequence[Written]) -> Floats:
        weight = self.weights.get
        return np.array(
            [
                sum(weight(ngram, 0.0) for ngram in ngrams(reply.whole, self.longest)) + self.of_form @ form(reply)
                for reply in replies
            ],
            dtype=float,
        )

    def added_by(self, reply: Written) -> dict[str, float]:
        """What each n-gram of a reply adds to its score, and under '' what its length and its handing over do."""
        counts = Counter(ngrams(reply.whole, self.longest))
        added = {ngram: count * self.weights[ngram] for ngram, count in counts.items() if ngram in self.weights}
        return {**added, "": float(self.of_form @ form(reply))}

    def tensors(self) -> Mapping[str, Any]:
        return {"weights": np.array(list(self.weights.values()), dtype=np.float64), "of_form": self.of_form}

    def described(self) -> Mapping[str, Any]:
        return {"ngrams": list(self.weights)}


def loaded(
    settings: NGramLogistic, tensors: Mapping[str, Any], described: Mapping[str, Any], backbone: Backbone
) -> WeighedNGrams:
    """The model of which these were saved."""
    weights = dict(zip(described["ngrams"], tensors["weights"].tolist(), strict=True))
    return WeighedNGrams(settings.longest, weights, tensors["of_form"])


def fit(settings: NGramLogistic, ratings: Sequence[Rating], backbone: Backbone) -> WeighedNGrams:
    """Learn from ratings."""
    vocabulary, differences = _differences(settings, ratings)
    wins = np.array([rating.p for rating in ratings], dtype=float)
    clusters = [rating.pair.cluster for rating in ratings]
    strength = _chosen_strength(settings, differences, wins, clusters)
    weights = _regression(differences, wins, strength, np.zeros(differences.shape[1]), _PRECISE)
    return WeighedNGrams(
        settings.longest,
        dict(zip(vocabulary, weights[: len(vocabulary)].tolist(), strict=True)),
        weights[len(vocabulary) :],
    )


def _differences(settings: NGramLogistic, ratings: Sequence[Rating]) -> tuple[list[str], csr_matrix]:
    """(the n-grams that count, (N, F): how much more often each is in a than in b, and last how their forms differ)."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import CountVectorizer

    replies = [reply for rating in ratings for reply in (rating.pair.a, rating.pair.b)]
    counter = CountVectorizer(
        analyzer=lambda text: list(ngrams(text, settings.longest)), min_df=settings.least_replies, dtype=np.float64
    )
    try:
        counts = counter.fit_transform([reply.whole for reply in replies])
    except ValueError:  # no n-gram is left
        raise NothingToLearn(
            f"no run of characters is in {settings.least_replies} of the rated replies or more, so nothing can be "
            "learnt from them. Rate more replies, or lower preference.least_replies."
        ) from None
    forms = np.stack([form(reply) for reply in replies])
    whole = hstack([counts, csr_matrix(forms)], format="csr")
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
    LogisticRegression without an intercept; but the squares of the last weights, those of form, count less. begin:
    weights to begin with."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(weights: Floats) -> tuple[float, Floats]:
        lead = differences @ weights
        surprise = np.logaddexp(0, -lead) + (1 - wins) * lead
        slope = differences.T @ (expit(lead) - wins)
        pull = pulled * weights / (strength * len(wins))
        return float(surprise.mean() + weights @ pull / 2), slope / len(wins) + pull

    num_of_form = _DOUBLINGS + 1
    pulled = np.append(np.ones(differences.shape[1] - num_of_form), np.full(num_of_form, _PULL_OF_FORM))
    options = {"maxiter": _MOST_STEPS, "gtol": least_slope, "ftol": 0.0}
    weights: Floats = minimize(loss, begin, method="L-BFGS-B", jac=True, options=options).x
    return weights
