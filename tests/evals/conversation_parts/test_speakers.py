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
    assert at.ranks(at.by_last_turn) == at.ranks(at.by_number_of_turns) == range(3, 4)
    back = change(scene("ABABACBC" + "D"), 7)
    assert back.next == "C"
    assert (back.ranks(back.by_last_turn), back.ranks(back.by_number_of_turns)) == (range(1, 2), range(2, 3))


def test_equals_share_their_ranks() -> None:
    at = change(scene("ABCD"), 2)
    assert at.candidates == ("A", "C", "D")
    assert at.ranks([0.0, 0.0, 0.0]) == range(1, 4)
    assert at.ranks([1.0, 0.0, 0.0]) == range(2, 4)
    assert at.ranks([0.0, 1.0, 0.0]) == range(1, 2)
    # Two speakers who have said nothing yet are ranked equally.
    assert at.ranks(at.by_last_turn) == range(2, 4)
