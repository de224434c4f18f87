"""One text cut in three: nothing is lost, and no stretch is empty."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.text.data.stretches import cut_text, cut_transcript
from harness.text.transcript import Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT

fractions = st.tuples(st.floats(0.01, 0.45), st.floats(0.01, 0.45))


@given(text=st.text(st.sampled_from("ab\n"), max_size=200), asked=fractions)
def test_stretches_joined_are_the_text_and_none_is_empty(text: str, asked: tuple[float, float]) -> None:
    stretches = cut_text(text, *asked)
    if stretches is None:
        assert len(text) < 3
    else:
        assert "".join(stretches) == text
        assert all(stretches)


@given(num_turns=st.integers(0, 60), asked=fractions)
def test_stretches_of_a_transcript_have_its_turns(num_turns: int, asked: tuple[float, float]) -> None:
    whole = Transcript(tuple(Turn(("Human", "Assistant")[i % 2], f"{i}\n\nHuman: {i}") for i in range(num_turns)))
    stretches = cut_transcript(HUMAN_ASSISTANT.render(whole), HUMAN_ASSISTANT, *asked)
    if stretches is None:
        assert num_turns < 3
    else:
        parsed = [HUMAN_ASSISTANT.parse(stretch).turns for stretch in stretches]
        assert all(parsed)
        assert tuple(turn for turns in parsed for turn in turns) == whole.turns
