"""Changes of turn: where the next speaker can be asked for, and how speakers are ranked."""

from __future__ import annotations

import pytest

from evals.conversation_parts.speakers import change, changes
from harness.text.transcript import Transcript, Turn


def scene(order: str) -> Transcript:
    return Transcript(tuple(Turn(speaker, "Ay.") for speaker in order))


@pytest.mark.parametrize(
    ("order", "places"),
    [("ABAC", [2, 3]), ("AABBC", [4]), ("ABAB", []), ("ABBC", [3]), ("", []), ("ABC", [2])],
)
def test_the_next_speaker_is_asked_for_at_changes_after_two_speakers(order: str, places: list[int]) -> None:
    assert changes(scene(order)) == places


def test_the_speaker_before_the_last_and_the_most_frequent_are_ranked() -> None:
    # So far A spoke 3 times, B 3 times and last, C once and before that; D has yet to speak.
    at = change(scene("ABABACBD"), 7)
    assert at.candidates == ("A", "C", "D")
    assert at.next == "D"
    assert at.by_last_turn == [(4,), (5,), (-1,)]
    assert at.by_number_of_turns == [(3, 4), (1, 5), (0, -1)]
    assert at.rank(at.by_last_turn) == at.rank(at.by_number_of_turns) == 3
    back = change(scene("ABABACBC" + "D"), 7)
    assert (back.next, back.rank(back.by_last_turn), back.rank(back.by_number_of_turns)) == ("C", 1, 2)


def test_ties_count_against_the_next_speaker() -> None:
    at = change(scene("ABCD"), 2)
    assert at.candidates == ("A", "C", "D")
    assert at.rank([0.0, 0.0, 0.0]) == 3
    assert at.rank([1.0, 0.0, 0.0]) == 3
    assert at.rank([0.0, 1.0, 0.0]) == 1
    # Two speakers who have said nothing yet are ranked equally.
    assert at.rank(at.by_last_turn) == 3
