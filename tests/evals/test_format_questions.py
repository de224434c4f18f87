"""Questions about the format: answers that are cut by their own words, as text and by label tokens."""

from __future__ import annotations

import pytest

from evals.format_questions import QUESTIONS, FormatQuestions, label_token, text_before, unfinished
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Material
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.transcript_format import HUMAN_ASSISTANT
from tests.evals.speakers import TOKENIZER, corpus
from tests.harness.text.formats import CHATML
from tests.toys import ScriptedModel

EVAL = FormatQuestions(max_new_tokens=150)
MATERIAL = Material(corpus(HUMAN_ASSISTANT), TOKENIZER)
LABELS = ByteTokenizerSettings(speaker_tokens=True).train([])
QUOTED = 'It is " and then\n\nHuman:'


@pytest.mark.parametrize(
    ("said", "by_text", "by_token"),
    [
        # in letters, then as one token
        ((*QUOTED, *'". Yes.\n\n', "Human:"), 1.0, 0.0),
        ((*QUOTED[:-6], "Human:"), 1.0, 1.0),
        ((*" Yes.\n\n", "Human:"), 0.0, 0.0),
        ((*" Yes.",), 0.0, 0.0),
    ],
)
def test_a_label_token_is_different_from_its_letters(said: tuple[str, ...], by_text: float, by_token: float) -> None:
    sample = next(iter(EVAL.samples(MATERIAL)))
    material = Material(MATERIAL.corpus, LABELS)
    steps = {sample.prompt + "".join(said[:place]): part for place, part in enumerate(said)}
    model = ScriptedModel(LABELS, lambda text: steps.get(text, ""))
    requests = EVAL.requests(sample, material)
    assert len(requests) == 2
    [answers] = ask(Respondent(model, LABELS, DecodingStrategy(Greedy())), [requests], [[0, 0]], "test")
    values = EVAL.score(sample, answers, material).values
    assert values == {"cut_by_its_own_words": by_text, "cut_by_its_own_words_label_tokens": by_token}


def test_half_of_the_questions_have_an_unfinished_beginning_of_an_answer() -> None:
    for form in (HUMAN_ASSISTANT, CHATML):
        samples = list(EVAL.samples(Material(corpus(form), TOKENIZER)))
        answers = [form.parse(sample.prompt).turns[-1].text for sample in samples]
        assert len(samples) == 2 * len(QUESTIONS)
        assert answers[::2] == [""] * len(QUESTIONS)
        assert all(map(unfinished, answers[1::2]))


def test_without_conversations_nothing_is_asked() -> None:
    assert list(EVAL.samples(Material(corpus(HUMAN_ASSISTANT, num=0), TOKENIZER))) == []
    assert list(FormatQuestions(exclude_sources=["chat"]).samples(MATERIAL)) == []


@pytest.mark.parametrize("value", [0, -1])
def test_an_answer_may_take_one_token_or_more(value: int) -> None:
    with pytest.raises(ValueError, match=f"max_new_tokens={value} is not allowed"):
        FormatQuestions(max_new_tokens=value)


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
def test_a_turn_that_obviously_goes_on_is_unfinished(turn: str, expected: bool) -> None:
    assert unfinished(turn) == expected


def test_the_text_before_a_label_token_is_the_answer() -> None:
    labels = ByteTokenizerSettings(speaker_tokens=True).train([])
    token = label_token(HUMAN_ASSISTANT, labels)
    assert token is not None
    tokens = labels.encode(" It is Human:\n\nHuman: ok").tolist()
    assert text_before(token, tokens, HUMAN_ASSISTANT, labels) == " It is Human:"
    assert text_before(token, tokens[:5], HUMAN_ASSISTANT, labels) is None
    assert label_token(HUMAN_ASSISTANT, ByteTokenizerSettings().train([])) is None
    closing = ByteTokenizerSettings(speaker_tokens=True, format=CHATML).train([])
    assert label_token(CHATML, closing) == closing.label_tokens["<|im_end|>"]
