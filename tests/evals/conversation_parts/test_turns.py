"""What a reply and a free run did with the turns, told from their text."""

from __future__ import annotations

import pytest
from scipy.stats import ks_2samp

from evals.conversation_parts.turns import (
    corpus_words,
    echoed,
    ended_in_mid_word,
    free_run_measures,
    label_token,
    length_distance,
    own_turn,
    reasonable_length,
    text_before,
    unfinished,
)
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY, TranscriptFormat
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
        ("", 0, None, None),
    ],
)
def test_what_a_free_run_does_with_the_labels(free: str, wrote: int, alternation: float, wellformed: float) -> None:
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
def test_what_a_free_run_does_with_the_markers_of_chatml(
    free: str, wrote: int, alternation: float, wellformed: float
) -> None:
    assert free_run_measures(free, CHATML) == {
        "wrote_for_the_other": wrote,
        "alternation": alternation,
        "wellformed_labels": wellformed,
    }


def test_where_anyone_may_speak_the_labels_of_the_two_are_well_formed() -> None:
    assert free_run_measures(" Hi.\n\nHuman: ok\n\nROMEO: hm", PLAY)["wellformed_labels"] == 0.5


@pytest.mark.parametrize(
    ("form", "completion", "turn"),
    [
        (HUMAN_ASSISTANT, " Hi.", " Hi."),
        (HUMAN_ASSISTANT, " Hi.\n\nStranger: Boo.", " Hi."),
        (HUMAN_ASSISTANT, " Hi.\n\nAssistant: And again.", " Hi."),
        (HUMAN_ASSISTANT, " Hi.\nHuman: is no label here.", " Hi.\nHuman: is no label here."),
        (HUMAN_ASSISTANT, " I say\n\nno more", " I say\n\nno more"),
        (HUMAN_ASSISTANT, "", ""),
        (CHATML, "Hi.<|im_end|>\n<|im_start|>stranger\nBoo.", "Hi."),
        (CHATML, "Hi.\n\nHuman: ok", "Hi.\n\nHuman: ok"),
    ],
)
def test_a_turn_goes_up_to_the_first_thing_that_looks_like_a_label(
    form: TranscriptFormat, completion: str, turn: str
) -> None:
    assert own_turn(form, completion) == turn


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ("Yes.", False),
        ("", False),
        ("Each line begins with this:", True),
        ("Each line begins with this: ", True),
        ("First,", True),
        ('It begins with "', True),
        ('It begins with "Human', True),
        ('It begins with "Human".', False),
        ("It begins with “Human", True),
        ("It begins with “Human”, always.", False),
        ("A name (yours", True),
        ("A name (yours) and this", False),
        ("A name [yours", True),
        ("```\nHuman: hi", True),
        ("```\nHuman: hi\n```", False),
        ("the code `Human", True),
        ("the code `Human`", False),
        ("```\na ` b\n```", True),
        ("that's sad :(", False),
        ("it's mine ;)", False),
        ("so (I said :) it is)", False),
        ("don't you think 'tis so", False),
    ],
)
def test_what_can_t_be_meant_to_end_there_is_unfinished(turn: str, expected: bool) -> None:
    assert unfinished(turn) == expected


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
def test_who_ends_with_letters_that_are_no_word_ended_in_one(turn: str, expected: bool) -> None:
    assert ended_in_mid_word(turn, KNOWN) == expected


@pytest.mark.parametrize(
    ("turn", "line", "expected"),
    [
        (" How are you today?", "how are  you today", True),
        (" How are you today? Fine.", "How are you today?", False),
        (" How are you", "How are you", None),
        ("", "How are you today?", False),
    ],
)
def test_an_echo_says_the_same_whatever_the_case_and_the_marks(turn: str, line: str, expected: bool | None) -> None:
    assert echoed(turn, line) == expected


def test_a_word_of_held_out_text_is_a_word() -> None:
    def documents(*texts: str) -> tuple[Document, ...]:
        return tuple(Document(text, text, "toy", text) for text in texts)

    corpus = Corpus("toy", documents("Thou art"), documents("we're"), documents("a knave."))
    assert corpus_words(corpus) == {"thou", "art", "we're", "a", "knave"}


def test_within_reason_are_nineteen_of_twenty_turns() -> None:
    texts = [f"Human: Hi.\n\nAssistant: {'x' * length}" for length in range(1, 22)]
    test = tuple(Document(text, text, "chat", text, "human_assistant") for text in texts)
    assert reasonable_length(Corpus("toy", (), (), test)) == 20


def test_how_far_lengths_are_apart_is_scipy_s_number_and_is_left_open_without_any() -> None:
    pairs: list[tuple[float | None, float | None]] = [(1, 2), (3, None), (None, 4), (5, 6), (5, 2)]
    # By hand: below 2 lies 1 of 4 of one side and nothing of the other; from 2 on 1 of 4, but 2 of 4; from 4 on 2, but
    # 3; from 5 on all, but 3.
    assert length_distance(pairs) == 0.25 == ks_2samp([1, 3, 5, 5], [2, 4, 6, 2]).statistic
    assert length_distance([(3, 3), (4, 4)]) == 0
    assert length_distance([(1, 7), (2, 8)]) == 1
    assert length_distance([(1, None), (2, None)]) is None
    assert length_distance([]) is None


def test_the_text_before_a_label_s_token_is_what_was_said() -> None:
    labels = ByteTokenizerSettings(speaker_tokens=True).train([])
    token = label_token(HUMAN_ASSISTANT, labels)
    assert token is not None
    tokens = labels.encode(" It is Human:\n\nHuman: ok").tolist()
    assert text_before(token, tokens, HUMAN_ASSISTANT, labels) == " It is Human:"
    assert text_before(token, tokens[:5], HUMAN_ASSISTANT, labels) is None
    assert label_token(HUMAN_ASSISTANT, ByteTokenizerSettings().train([])) is None
    closing = ByteTokenizerSettings(speaker_tokens=True, format=CHATML).train([])
    assert label_token(CHATML, closing) == closing.label_tokens["<|im_end|>"]
