from __future__ import annotations

import random

import pytest

from harness.text.data.near_copies import count_near_copies, without_case_and_space

WORDS = [f"word{number}" for number in range(1000)]


def test_copies_are_found_ignoring_case_and_white_space() -> None:
    assert without_case_and_space(" Straße\n\n und  WEG ") == without_case_and_space("STRASSE und weg")
    assert without_case_and_space("a b") != without_case_and_space("ab")


def with_changes(words: list[str], *places: int) -> str:
    return " ".join("other" if place in places else word for place, word in enumerate(words))


# Of n words there are n - 4 sequences of five; a changed word in the middle changes five of them, so that of two texts
# with c changes n - 4 - 5c of n - 4 + 5c sequences are shared: of 104 words 95 in 105 with one change, 90 in 110 with
# two (0.82), 85 in 115 with three (0.74).
@pytest.mark.parametrize(("changes", "near"), [((), 1), ((50,), 1), ((30, 60), 1), ((20, 50, 80), 0)])
def test_texts_that_share_four_in_five_sequences_are_near_copies(changes: tuple[int, ...], near: int) -> None:
    words = WORDS[:104]
    assert count_near_copies([" ".join(words)], [with_changes(words, *changes)]) == near


def test_long_texts_are_estimated() -> None:
    draw = random.Random(0)
    words = draw.choices(WORDS, k=20_000)
    some, many = (set(draw.sample(range(20_000), count)) for count in (200, 2_000))
    # 0.90 and 0.42 of the sequences are alike.
    assert count_near_copies([" ".join(words)], [with_changes(words, *some)]) == 1
    assert count_near_copies([" ".join(words)], [with_changes(words, *many)]) == 0


def test_each_held_out_text_counts_once_and_short_ones_only_when_equal() -> None:
    assert count_near_copies(["Yes, I do.", "No"], ["yes, i  do.", "Yes, I do.", "Not at all"]) == 1
    assert count_near_copies([], ["a"]) == count_near_copies(["a"], []) == 0
