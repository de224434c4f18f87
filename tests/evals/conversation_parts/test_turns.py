"""Real turns, and properties of replies and free runs, read from their text."""

from __future__ import annotations

import pytest
from scipy.stats import ks_2samp

from evals.conversation_parts.turns import (
    corpus_words,
    echoed,
    ended_in_mid_word,
    folded,
    free_run_measures,
    length_distance,
    most_frequent,
    overused,
    recent,
    usual_lengths,
)
from harness.text.data.corpus import Corpus, Document
from harness.text.transcript import HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY
from tests.harness.text.formats import CHATML


@pytest.mark.parametrize(
    ("free", "wrote", "alternation", "wellformed"),
    [
        (" Hi.\n\nHuman: I am fine.", 1, 1.0, 1.0),
        (" Hi.\n\nHuman:", 0, 1.0, 1.0),
        (" Hi.\n\nAssistant: And again.\n\nHuman: ok", 1, 0.5, 1.0),
        (" Hi.\n\nStranger: Boo.", 0, None, 0.0),
        (" Hi.\n\nHuman: ok\n\nHumam: hm", 1, 1.0, 0.5),
        (" Hi.\n\nSystem: Be nice.\n\nHuman:", 0, 1.0, 1.0),
        (" I say Human: in a line.", 0, None, None),
        ("glued to the label", 0, None, None),
        (" Hi.\n\nhuman: I am fine.", 1, None, 0.0),
        (" Hi.\n\nUser: I am fine.", 1, None, 0.0),
        (" Hi.\n\nUSER: ", 0, None, 0.0),
        (" Hi.\n\nNote: I am fine.", 0, None, None),
        (" Hi.\n\nAt 12: 30 I am fine.", 0, None, None),
        (" Hi.\n\nWhat I mean: I am fine.", 0, None, None),
        (" Hi.\n\nFirst Lord: I am fine.", 0, None, 0.0),
        ("", 0, None, None),
    ],
)
def test_labels_in_a_free_run_are_counted(free: str, wrote: int, alternation: float, wellformed: float) -> None:
    assert free_run_measures(free, HUMAN_ASSISTANT) == {
        "wrote_for_the_other": wrote,
        "alternation": alternation,
        "wellformed_labels": wellformed,
    }


@pytest.mark.parametrize(
    ("free", "wrote", "alternation", "wellformed"),
    [
        ("Hi.<|im_end|>\n<|im_start|>user\nI am fine.<|im_end|>", 1, 1.0, 1.0),
        ("Hi.<|im_end|>", 0, None, None),
        ("Hi.<|im_end|>\n<|im_start|>stranger\nBoo.", 0, None, 0.0),
        ("Hi.\n\nHuman: la la", 0, None, None),
        ("", 0, None, None),
    ],
)
def test_markers_of_chatml_in_a_free_run_are_counted(
    free: str, wrote: int, alternation: float, wellformed: float
) -> None:
    assert free_run_measures(free, CHATML) == {
        "wrote_for_the_other": wrote,
        "alternation": alternation,
        "wellformed_labels": wellformed,
    }


def test_where_anyone_may_speak_labels_of_both_speakers_are_well_formed() -> None:
    assert free_run_measures(" Hi.\n\nHuman: ok\n\nROMEO: hm", PLAY)["wellformed_labels"] == 0.5


KNOWN = frozenset({"good", "to", "hear", "don't"})


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (" good to hear", False),
        (" good to HEAR ", False),
        (" good to he", True),
        (" good to he.", False),
        (" good to he...", False),
        (" I don't", False),
        (" I don’t", True),
        (" I don", True),
        (" :)", False),
        ("", False),
    ],
)
def test_letters_that_are_no_word_end_in_mid_word(turn: str, expected: bool) -> None:
    assert ended_in_mid_word(turn, KNOWN) == expected


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (" How are you today?", True),
        ("how are  you TODAY", True),
        (" I am well", True),
        (" How are you today? Fine.", False),
        (" How are you today, eh?", True),
        (" Who are you?", False),
        (" How are you", False),
        ("", False),
        ("\u200b", False),
        (" ...", True),
        (" ?!", False),
    ],
)
def test_an_echo_repeats_a_turn_ignoring_case_and_punctuation(turn: str, expected: bool) -> None:
    said = (Turn(HUMAN, "Hello, how's it going?"), Turn("Assistant", "I am well."), Turn(HUMAN, "..."), Turn(HUMAN, ""))
    assert echoed(turn, (*said, Turn(HUMAN, "How are you today?"))) == expected


def test_turns_are_compared_without_case_spaces_and_punctuation() -> None:
    assert folded(" Don't, you?") == folded("DON’T YOU") == "dontyou"
    assert folded(" ...") == "..." != folded("?!")


def test_a_reply_to_more_than_one_prompt_in_twenty_is_overused_unless_people_give_it_half_as_often() -> None:
    def replies(**counts: int) -> list[tuple[str, str]]:
        """Forty prompts with replies: each reply as often as given, then a different one for each prompt."""
        common = [reply for reply, count in counts.items() for _ in range(count)]
        own = [f"own{number}" for number in range(40 - len(common))]
        return [(f"prompt{number}", reply) for number, reply in enumerate([*common, *own])]

    real = replies(yes=4, no=1)
    assert overused(replies(yes=8, no=2, perhaps=1), real) == set()
    assert overused(replies(yes=9, no=3), real) == {"yes", "no"}
    assert overused(replies(perhaps=40), real) == {"perhaps"}
    assert overused(real, real) == set()


def test_with_few_prompts_a_reply_to_two_is_overused_and_equal_prompts_count_once() -> None:
    real = [("a", "1"), ("b", "2"), ("a", "3")]
    assert overused([("a", "x"), ("b", "x"), ("a", "y")], real) == {"x"}
    assert overused([("a", "x"), ("b", "y"), ("a", "x")], real) == set()


def test_of_equally_frequent_replies_the_same_one_is_picked_in_any_order() -> None:
    assert most_frequent(["a", "b", "a"]) == "a"
    assert most_frequent(["a", "b"]) == most_frequent(["b", "a"])


def test_words_of_held_out_text_are_known_words() -> None:
    def documents(*texts: str) -> tuple[Document, ...]:
        return tuple(Document(text, text, "toy", text) for text in texts)

    corpus = Corpus("toy", documents("Thou art"), documents("we're"), documents("a knave."))
    assert corpus_words(corpus) == {"thou", "art", "we're", "a", "knave"}


def test_usual_lengths_cover_nine_of_ten_turns_and_sums_do_not_count() -> None:
    def documents(source: str, lengths: range) -> tuple[Document, ...]:
        texts = [f"Human: {source}\n\nAssistant: {'x' * length}" for length in lengths]
        return tuple(Document(text, text, source, text, "human_assistant") for text in texts)

    corpus = Corpus("toy", (), (), documents("chat", range(1, 22)) + documents("arithmetic", range(1, 3)))
    assert usual_lengths(corpus, ["arithmetic"]) == (2, 20)
    assert usual_lengths(corpus, []) == (1.1, 19.9)


@pytest.mark.parametrize(("most", "kept"), [(0, 0), (9, 0), (10, 1), (29, 1), (30, 2), (35, 3), (100, 3)])
def test_the_last_whole_turns_that_fit_are_kept(most: int, kept: int) -> None:
    # "A: " and what stands after a turn are 5 characters.
    turns = tuple(Turn(speaker, "x" * size) for speaker, size in (("A", 0), ("B", 15), ("C", 5)))
    written = [len(PLAY.render(Transcript((turn,))) + PLAY.between) for turn in turns]
    assert written == [4, 20, 10]
    assert recent(PLAY, turns, most) == turns[len(turns) - kept :]


def test_the_distance_of_lengths_is_scipy_s_and_missing_without_lengths() -> None:
    pairs: list[tuple[float | None, float | None]] = [(1, 2), (3, None), (None, 4), (5, 6), (5, 2)]
    # By hand: below 2 lies 1 of 4 of one side and nothing of the other; from 2 on 1 of 4, but 2 of 4; from 4 on 2, but
    # 3; from 5 on all, but 3.
    assert length_distance(pairs) == 0.25 == ks_2samp([1, 3, 5, 5], [2, 4, 6, 2]).statistic
    assert length_distance([(3, 3), (4, 4)]) == 0
    assert length_distance([(1, 7), (2, 8)]) == 1
    assert length_distance([(1, None), (2, None)]) is None
    assert length_distance([]) is None
