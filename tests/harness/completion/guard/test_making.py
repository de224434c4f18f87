"""A guard keeps to the rate of false positives that was asked for, and is measured on texts that it hasn't seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from harness.common.errors import UserError
from harness.completion.guard.guard import Guard
from harness.completion.guard.making import Kinds, kinds_of, make, measure, threshold_for
from tests.harness.completion.guard.made_up import corpus, kinds


@pytest.fixture(scope="module")
def made() -> Guard:
    return make(kinds(), 0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.99]))
def test_the_threshold_is_the_least_that_keeps_to_the_rate(probabilities: list[float], rate: float) -> None:
    values = np.array(probabilities)
    threshold = threshold_for(values, rate)
    assert threshold >= 0.5
    assert (values >= threshold).mean() <= rate
    # any lower one from 0.5 on at which something changes would refuse too many
    assert all((values >= value).mean() > rate for value in values if 0.5 <= value < threshold)


def test_it_learns_what_differs_and_keeps_to_the_rate(made: Guard) -> None:
    both = kinds()
    assert (made.probabilities(both.allowed["validation"].texts) >= made.threshold).mean() <= 0.05
    assert made.refuses("the blasted moon")
    assert not made.refuses("the gentle moon")


def test_what_is_measured_is_scikit_learn_s_and_statsmodels_(made: Guard) -> None:
    both = kinds()
    # some texts that look like the other kind
    allowed = dataclasses.replace(both.allowed["test"], clusters=tuple(map(str, range(120))))
    texts = tuple(text.replace("gentle", "blasted") if index < 9 else text for index, text in enumerate(allowed.texts))
    both = Kinds({"test": dataclasses.replace(allowed, texts=texts)}, {"test": both.refused["test"]})
    quality = measure(made, both)
    outcomes = [0] * 120 + [1] * 120
    probabilities = made.probabilities([*texts, *both.refused["test"].texts])
    [[_, wrong], [missed, _]] = confusion_matrix(outcomes, probabilities >= made.threshold)
    assert wrong == 9
    assert (quality.false_positives.value, quality.false_positives.n) == (wrong / 120, 120)
    assert quality.false_negatives.value == missed / 120
    assert quality.area == pytest.approx(roc_auc_score(outcomes, probabilities))
    interval = quality.false_positives.ci_low, quality.false_positives.ci_high
    assert interval == pytest.approx(proportion_confint(wrong, 120, method="wilson"), abs=1e-9)
    assert sorted(quality.wrongly_refused) == sorted(texts[:9])
    assert quality.milliseconds > 0


def test_a_text_that_both_kinds_have_is_allowed_and_too_few_texts_are_refused() -> None:
    gentle, blasted = corpus("gentle", "gentle"), corpus("blasted", "blasted")
    both = kinds_of([gentle], [gentle, blasted])
    assert {text.split()[-2] for split in both.refused.values() for text in split.texts} == {"blasted"}
    with pytest.raises(
        UserError, match=r"--refuse has 0 texts to learn from, beside those that are allowed; a guard needs 20 or more"
    ):
        kinds_of([gentle], [gentle])
    with pytest.raises(UserError, match=r"--false-positive-rate 0\.001 can't be kept to with 60 .*takes 1,?000"):
        make(both, 0.001)
