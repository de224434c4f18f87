"""Speakers' labels as tokens: where they count, in every tokenizer with labels."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, reject
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer, ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.text.transcript import ASSISTANT, HUMAN
from harness.text.transcript_format import TranscriptFormat
from tests.harness.text.formats import CHATML, EVERY, hard_text, random_formats, speakers_of, transcripts
from tests.harness.text.tokenizers.examples import TOKENIZERS, every_tokenizer_with_labels


@every_tokenizer_with_labels
def test_a_label_at_a_structural_place_is_one_token(tokenizer: Tokenizer) -> None:
    human, assistant = tokenizer.label_tokens["Human:"], tokenizer.label_tokens["Assistant:"]
    ids = tokenizer.encode("Human: hi\n\nAssistant: hello\n\nHuman:").tolist()
    assert ids[0] == ids[-1] == human
    assert ids.count(human) == 2
    assert ids.count(assistant) == 1
    assert tokenizer.decode([human]) == tokenizer.token_text(human) == "Human:"


@every_tokenizer_with_labels
@pytest.mark.parametrize(
    "text",
    [
        " Human: hi",
        "say Human: hi",
        "a\nHuman: hi",
        "Human:hi",
        "a\n\n Human: hi",
        "a\n\n\\Human: hi",
        "Humans: hi",
        "\n\nHuman",
        "\nHuman: hi",
    ],
)
def test_the_same_words_elsewhere_are_plain_text(tokenizer: Tokenizer, text: str) -> None:
    assert not set(tokenizer.encode(text).tolist()) & set(tokenizer.label_tokens.values())


@every_tokenizer_with_labels
@pytest.mark.parametrize("text", ["Human:", "Human: ", "Human:\n", "\n\nHuman:", "a\n\n\nHuman: b"])
def test_a_label_needs_a_space_a_line_break_or_the_end_behind_it(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode(text).tolist().count(tokenizer.label_tokens["Human:"]) == 1


@every_tokenizer_with_labels
def test_a_prompt_and_its_completion_are_cut_as_the_whole(tokenizer: Tokenizer) -> None:
    prompt, completion = "Human: what is 7?\n\nAssistant:", " a number\n\nHuman:"
    whole = tokenizer.encode(prompt + completion).tolist()
    assert whole == [*tokenizer.encode(prompt).tolist(), *tokenizer.encode(completion).tolist()]


@pytest.mark.parametrize("name", ["char", "byte", "bpe"])
def test_without_speaker_tokens_there_are_no_labels(name: str) -> None:
    assert TOKENIZERS[name].label_tokens == {}


@pytest.mark.parametrize("labels", [["a b "], [""], ["a\nb"], ["\\a"], ["\ud800"], ["A:", "A:"]])
@pytest.mark.parametrize("settings", [CharTokenizerSettings, ByteTokenizerSettings, BpeTokenizerSettings])
def test_a_label_that_could_not_stand_in_a_text_is_refused(
    settings: type[ByteTokenizerSettings], labels: list[str]
) -> None:
    with pytest.raises(ValueError, match="labels has"):
        settings(labels=labels)


@pytest.mark.parametrize("form", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("settings", [CharTokenizerSettings, ByteTokenizerSettings, BpeTokenizerSettings])
@hypothesis_settings(max_examples=20)
@given(data=st.data())
def test_in_every_format_the_labels_of_turns_are_tokens_and_what_is_said_is_none(
    settings: type[ByteTokenizerSettings], form: TranscriptFormat, data: st.DataObject
) -> None:
    transcript = data.draw(transcripts(form))
    labels = None if form.token_labels else [form.label(speaker).rstrip() for speaker in speakers_of(form)]
    tokenizer = settings(speaker_tokens=True, labels=labels, format=form).train([])
    text = form.render(transcript)
    ids = tokenizer.encode(text).tolist()
    assert tokenizer.decode(ids) == text
    again = settings.read(tokenizer.to_json())
    assert again.encode(text).tolist() == ids
    tokens_a_turn = len({form.end} & {*tokenizer.label_tokens}) + (len({*tokenizer.label_tokens} - {form.end}) > 0)
    assert sum(token in tokenizer.label_tokens.values() for token in ids) == tokens_a_turn * len(transcript.turns)


@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_in_a_random_format_nothing_is_lost_and_labels_are_where_turns_are(data: st.DataObject) -> None:
    form = data.draw(random_formats())
    labels = None if form.token_labels else [form.label(speaker).rstrip() for speaker in speakers_of(form)]
    try:
        tokenizer = ByteTokenizerSettings(speaker_tokens=True, labels=labels, format=form).train([])
    except ValueError:  # a label of several lines can't be named
        reject()
    hard = data.draw(hard_text(form))
    assert tokenizer.decode(tokenizer.encode(hard)) == hard
    transcript = data.draw(transcripts(form))
    text = form.render(transcript)
    ids = tokenizer.encode(text).tolist()
    assert tokenizer.decode(ids) == text
    tokens_a_turn = len({form.end} & {*tokenizer.label_tokens}) + (len({*tokenizer.label_tokens} - {form.end}) > 0)
    assert sum(token in tokenizer.label_tokens.values() for token in ids) == tokens_a_turn * len(transcript.turns)
    if form.end:  # the end text may be all that a model writes
        assert tokenizer.encode(form.end).tolist() == [tokenizer.label_tokens[form.end]]


def test_a_closing_marker_that_begins_with_the_opening_one_is_one_token() -> None:
    form = TranscriptFormat("tags", {HUMAN: "user", ASSISTANT: "model"}, "<", ">", "\n", "</turn>", "\n")
    tokenizer = ByteTokenizerSettings(speaker_tokens=True, format=form).train([])
    start, end = tokenizer.label_tokens["<"], tokenizer.label_tokens["</turn>"]
    assert tokenizer.encode("</turn>").tolist() == [end]
    assert tokenizer.encode("</turn>\n<model>").tolist() == [end, ord("\n"), start, *b"model>"]
    assert tokenizer.encode("</turn>\n</turn>").tolist() == [*b"</turn>\n", end]


@pytest.mark.parametrize("settings", [CharTokenizerSettings, ByteTokenizerSettings, BpeTokenizerSettings])
def test_in_chatml_the_markers_are_tokens_where_they_mark_a_turn(settings: type[ByteTokenizerSettings]) -> None:
    tokenizer = settings(speaker_tokens=True, format=CHATML).train([])
    assert list(tokenizer.label_tokens) == ["<|im_start|>", "<|im_end|>"]
    start, end = tokenizer.label_tokens.values()

    def marks(text: str) -> list[int]:
        return [token for token in tokenizer.encode(text).tolist() if token in (start, end)]

    said = "<|im_start|>user\nI say <|im_start|> and <|im_end|>, you see.<|im_end|>\n<|im_start|>assistant\n"
    assert marks(said) == [start, end, start]
    assert marks("a play about <|im_start|>user\n") == []
    assert marks("\n\nHuman: hi\n\nAssistant: ho") == []
    prompt, completion = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", "ho<|im_end|>"
    whole = tokenizer.encode(prompt + completion).tolist()
    assert whole == [*tokenizer.encode(prompt).tolist(), *tokenizer.encode(completion).tolist()]


def test_of_two_labels_the_longer_one_counts() -> None:
    tokenizer = ByteTokenizer(["A:", "A: B:"])
    assert tokenizer.encode("A: B: c")[0] == tokenizer.label_tokens["A: B:"]
