"""Repetition, distinct n-grams, overlap and Zipf's exponent, on texts whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from nltk.util import ngrams as nltk_ngrams

from evals.generation_parts.variety import distinct, ngrams, overlap, repetition, words, zipf_exponent


@pytest.mark.parametrize(
    ("text", "n", "share"),
    [
        ("abcdefgh", 4, 0.0),
        ("aaaaaaa", 4, 3 / 4),
        ("abcabcabc", 3, 4 / 7),
        ("abcd", 4, 0.0),
        ("abc", 4, None),
        ("", 4, None),
    ],
)
def test_repetition_is_the_share_of_n_grams_that_came_before(text: str, n: int, share: float | None) -> None:
    assert repetition(text, n) == (None if share is None else pytest.approx(share))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_n_grams_equal_nltk_s(n: int) -> None:
    sequence = words("To be, or not to be: that is the question.")
    assert ngrams(sequence, n) == list(nltk_ngrams(sequence, n))


def test_distinct_n_grams_are_counted_over_all_texts_and_never_across_two() -> None:
    assert distinct(["ab", "ab"], 1) == 2 / 4
    assert distinct(["ab", "ab"], 2) == 1 / 2
    assert distinct(["ab", "ba"], 2) == 1.0
    assert distinct(["a", "b"], 2) is None
    assert distinct([], 1) is None


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        (["abcd", "abcd", "abcd"], 1.0),
        (["abcd", "efgh"], 0.0),
        (["abc", "abd"], 1 / 2),
        (["abcd", "ab"], (1 / 3 + 1) / 2),
        (["abcd", "", "a"], None),
        (["abcd"], None),
    ],
)
def test_overlap_is_the_shared_n_grams_over_all_pairs(texts: list[str], share: float | None) -> None:
    assert overlap(texts, 2) == (None if share is None else pytest.approx(share))


def test_words_and_punctuation_are_separate() -> None:
    assert words("Don't stop,  says naïve\nAnn -- 12!") == [
        *("Don", "'", "t", "stop", ",", "says", "naïve", "Ann", "-", "-", "12", "!")
    ]
    assert words(" \n") == []


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.3, 1.6])
@pytest.mark.parametrize(("num_types", "num_words"), [(500, 3_000), (5_000, 20_000), (50_000, 20_000)])
def test_the_exponent_of_synthetic_zipf_text_is_found(exponent: float, num_types: int, num_words: int) -> None:
    generator = np.random.default_rng(0)
    probabilities = np.arange(1, num_types + 1) ** -exponent
    texts = generator.choice(num_types, size=(6, num_words), p=probabilities / probabilities.sum())
    exponents = [zipf_exponent([text.tolist()]) for text in texts]
    assert np.mean([value for value in exponents if value is not None]) == pytest.approx(exponent, abs=0.05)


def test_equally_frequent_words_have_an_exponent_of_zero() -> None:
    assert zipf_exponent([list(range(20)) * 7]) == pytest.approx(0, abs=1e-9)


def test_too_few_frequent_words_have_no_exponent() -> None:
    assert zipf_exponent([list(range(9)) * 7]) is None
    assert zipf_exponent([list(range(20)) * 4]) is None
    assert zipf_exponent([]) is None
