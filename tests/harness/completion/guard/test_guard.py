"""The classifier is scikit-learn's, also after it was written and read; what isn't a guard is refused."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from harness.common.errors import UserError
from harness.completion.guard.guard import GUARD_FILE, Guard, digest_of, load_guard
from tests.harness.completion.guard.made_up import sentences

GOOD, BAD = sentences(0, 40, "gentle"), sentences(100, 40, "blasted")
NEW = ["a blasted moon", "a gentle moon", "BLASTED!", "", "  \n", "zzz", "\x1b[31mblasted\x1b[0m " * 50]


@pytest.fixture(scope="module")
def theirs():
    """scikit-learn's own pipeline."""
    steps = (
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, max_features=50_000, sublinear_tf=True),
        LogisticRegression(C=10.0),
    )
    return make_pipeline(*steps).fit([*GOOD, *BAD], [0] * len(GOOD) + [1] * len(BAD))


@pytest.fixture(scope="module")
def guard(theirs) -> Guard:
    vectorizer, regression = theirs[0], theirs[1]
    names = [str(name) for name in vectorizer.get_feature_names_out()]
    return Guard(names, vectorizer.idf_, regression.coef_[0], float(regression.intercept_[0]), 0.5, {"made": "here"})


def test_probabilities_are_scikit_learn_s_also_after_writing_and_reading(theirs, guard: Guard, tmp_path: Path) -> None:
    guard.save(tmp_path / "mine")
    read = load_guard(str(tmp_path / "mine"))
    for ours in (guard, read):
        np.testing.assert_allclose(ours.probabilities(NEW), theirs.predict_proba(NEW)[:, 1], atol=1e-12)
    assert (read.threshold, read.facts) == (0.5, {"made": "here"})
    assert len(guard.probabilities([])) == 0


def test_a_text_is_refused_from_the_threshold_on(guard: Guard) -> None:
    assert guard.refuses("a blasted moon")
    assert not guard.refuses("a gentle moon")
    at = float(guard.probabilities(["a blasted moon"])[0])
    assert dataclasses.replace(guard, threshold=at).refuses("a blasted moon")
    assert not dataclasses.replace(guard, threshold=np.nextafter(at, 2)).refuses("a blasted moon")
    assert not dataclasses.replace(guard, threshold=0.0).refuses(" \n")


def test_what_speaks_most_is_the_word_that_differs(guard: Guard) -> None:
    allowed, refused = guard.telling(3)
    assert all(ngram.strip() in "gentle" for ngram in allowed)
    assert all(ngram.strip() in "blasted" for ngram in refused)
    for ngrams in (allowed, refused):
        assert not any(one in other for one, other in itertools.permutations(ngrams, 2))


def test_what_is_no_guard_or_a_damaged_one_is_refused(guard: Guard, tmp_path: Path) -> None:
    for load in (load_guard, digest_of):
        with pytest.raises(UserError, match=r"is not the folder of a guard.*bakeoff guard my_guard"):
            load(str(tmp_path))
    guard.save(tmp_path)
    before = digest_of(str(tmp_path))
    path = tmp_path / GUARD_FILE
    path.write_text(path.read_text().replace('"threshold": 0.5', '"threshold": 0.9'))
    with pytest.raises(UserError, match=r"guard\.json is damaged: its content changed"):
        load_guard(str(tmp_path))
    assert digest_of(str(tmp_path)) != before
