from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.text.transcript import (
    HUMAN_ASSISTANT,
    PLAY,
    Transcript,
    TranscriptFormat,
    Turn,
    get_format,
    join_turns,
)
from tests.harness.text.strategies import tricky_text

REFUSING = TranscriptFormat("refusing", ("Human", "Assistant"), labels_in_text="refuse")


def human_assistant(*texts: str) -> Transcript:
    return Transcript(tuple(Turn(("Human", "Assistant")[i % 2], text) for i, text in enumerate(texts)))


chats = st.lists(st.builds(Turn, st.sampled_from(["Human", "Assistant"]), tricky_text), max_size=6).map(
    lambda turns: Transcript(tuple(turns))
)
plays = st.lists(st.builds(Turn, st.sampled_from(["HAMLET", "First Lord", "A"]), tricky_text), max_size=6).map(
    lambda turns: Transcript(tuple(turns))
)


@given(chats)
def test_a_chat_parses_back_to_its_turns(transcript: Transcript) -> None:
    assert HUMAN_ASSISTANT.parse(HUMAN_ASSISTANT.render(transcript)) == transcript


@given(plays)
def test_a_play_parses_back_to_its_turns(transcript: Transcript) -> None:
    assert PLAY.parse(PLAY.render(transcript)) == transcript


@given(chats)
def test_a_format_that_refuses_either_refuses_or_parses_back(transcript: Transcript) -> None:
    try:
        text = REFUSING.render(transcript)
    except UserError:
        assert "\\" in HUMAN_ASSISTANT.render(transcript)
    else:
        assert REFUSING.parse(text) == transcript


def test_a_chat_looks_as_documented() -> None:
    transcript = human_assistant("hi there", "hello", "bye")
    assert HUMAN_ASSISTANT.render(transcript) == "Human: hi there\n\nAssistant: hello\n\nHuman: bye"


def test_the_space_after_the_colon_belongs_to_what_is_said() -> None:
    prompt = HUMAN_ASSISTANT.open_turn(human_assistant("hi"), "Assistant")
    assert prompt == "Human: hi\n\nAssistant:"
    assert prompt + " hello" == HUMAN_ASSISTANT.render(human_assistant("hi", "hello"))
    assert HUMAN_ASSISTANT.completed_turn("Assistant", " hello") == Turn("Assistant", "hello")


def test_the_stop_text_is_what_opens_the_next_turn() -> None:
    prompt = HUMAN_ASSISTANT.open_turn(human_assistant("hi"), "Assistant")
    stop = HUMAN_ASSISTANT.stop_text("Human")
    assert stop == "\n\nHuman:"
    assert f"{prompt} hello{stop} bye" == HUMAN_ASSISTANT.render(human_assistant("hi", "hello", "bye"))


def test_an_open_turn_is_a_turn_with_no_text_yet() -> None:
    prompt = HUMAN_ASSISTANT.open_turn(human_assistant("hi"), "Assistant")
    assert HUMAN_ASSISTANT.parse(prompt) == human_assistant("hi", "")


def test_no_transcript_is_the_empty_text() -> None:
    assert HUMAN_ASSISTANT.render(Transcript()) == ""
    assert HUMAN_ASSISTANT.parse("") == Transcript()


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("a\n\nHuman: b", "Human: a\n\n\\Human: b"),
        ("a\n\n\\Human: b", "Human: a\n\n\\\\Human: b"),
        ("a\n\nHuman:", "Human: a\n\n\\Human:"),
        ("a\n\nHuman:\nb", "Human: a\n\n\\Human:\nb"),
        ("a\nHuman: b", "Human: a\nHuman: b"),
        ("a\n\nHuman:b", "Human: a\n\n\\Human:b"),
        ("a\n\nHuman b", "Human: a\n\nHuman b"),
        ("Human: b", "Human: Human: b"),
        ("a\n\n\\b", "Human: a\n\n\\b"),
        ("", "Human:"),
        (" ", "Human:  "),
    ],
)
def test_only_a_label_at_a_structural_place_is_escaped(said: str, written: str) -> None:
    assert HUMAN_ASSISTANT.render(human_assistant(said)) == written
    assert HUMAN_ASSISTANT.parse(written) == human_assistant(said)


@given(chats)
def test_what_is_said_never_holds_a_stop_text(transcript: Transcript) -> None:
    text = HUMAN_ASSISTANT.render(transcript)
    stops = [HUMAN_ASSISTANT.stop_text(speaker) for speaker in ("Human", "Assistant")]
    assert sum(text.count(stop) for stop in stops) == max(0, len(transcript.turns) - 1)


def test_refusing_names_the_words_and_a_way_out() -> None:
    with pytest.raises(UserError, match=r"'Human:' after a blank line.*labels_in_text=escape"):
        REFUSING.render(human_assistant("a\n\nHuman: b"))


def test_text_that_opens_with_no_label_is_refused() -> None:
    with pytest.raises(UserError, match="opens with a label"):
        HUMAN_ASSISTANT.parse("hello\n\nHuman: hi")


def test_a_label_before_a_line_break_is_a_label() -> None:
    assert HUMAN_ASSISTANT.parse("Human:\nhi").turns == (Turn("Human", "\nhi"),)


def test_an_unknown_speaker_is_refused_with_the_closest_name() -> None:
    with pytest.raises(UserError, match="Did you mean 'Assistant'"):
        HUMAN_ASSISTANT.label("Asistant")


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", " a", "a ", "\\a", "x" * 61])
def test_a_name_that_could_not_be_parsed_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="can't be a speaker's name"):
        PLAY.label(name)
    with pytest.raises(ValueError, match="can't be a speaker's name"):
        TranscriptFormat("own", (name,))


def test_a_name_that_begins_another_name_is_told_apart() -> None:
    own = TranscriptFormat("own", ("Ann", "Ann Lee"))
    transcript = Transcript((Turn("Ann Lee", "hi"), Turn("Ann", "ho")))
    assert own.parse(own.render(transcript)) == transcript


def test_consecutive_turns_of_a_speaker_are_joined() -> None:
    turns = [Turn("A", "1"), Turn("A", "2"), Turn("B", "3"), Turn("A", "4")]
    assert join_turns(turns, "\n") == (Turn("A", "1\n2"), Turn("B", "3"), Turn("A", "4"))


def test_speakers_come_in_order_of_their_first_turn() -> None:
    assert Transcript((Turn("B", ""), Turn("A", ""), Turn("B", ""))).speakers == ("B", "A")


def test_an_unknown_format_names_those_there_are() -> None:
    assert get_format("play") is PLAY
    with pytest.raises(UserError, match=r"human_assistant, play.*Did you mean 'play'"):
        get_format("plays")
