from __future__ import annotations

from harness.text.transcript import Transcript, Turn, join_turns


def test_consecutive_turns_of_a_speaker_are_joined() -> None:
    turns = [Turn("A", "1"), Turn("A", "2"), Turn("B", "3"), Turn("A", "4")]
    assert join_turns(turns, "\n") == (Turn("A", "1\n2"), Turn("B", "3"), Turn("A", "4"))


def test_speakers_come_in_order_of_their_first_turn() -> None:
    assert Transcript((Turn("B", ""), Turn("A", ""), Turn("B", ""))).speakers == ("B", "A")
