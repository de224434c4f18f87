"""Where a speaker's turns stand in a text and in its tokens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.tokenizer import TokenizerSettings
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT
from harness.text.turn_spans import token_mask, turn_spans
from tests.harness.text.formats import CHATML, EVERY, speakers_of, transcripts

TALK = Transcript((Turn(HUMAN, "Hi."), Turn(ASSISTANT, "Héllo!"), Turn(HUMAN, "Bye."), Turn(ASSISTANT, "Good night")))


def parts(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[begin:end] for begin, end in spans]


def test_a_turn_counts_with_what_hands_over() -> None:
    text = HUMAN_ASSISTANT.render(TALK)
    assert parts(text, turn_spans(HUMAN_ASSISTANT, text, ASSISTANT)) == [" Héllo!\n\nHuman:", " Good night"]
    text = CHATML.render(TALK)
    assert parts(text, turn_spans(CHATML, text, ASSISTANT)) == ["Héllo!<|im_end|>", "Good night<|im_end|>"]


def test_nothing_is_handed_over_to_oneself() -> None:
    text = HUMAN_ASSISTANT.render(Transcript((Turn(ASSISTANT, "One."), Turn(ASSISTANT, "Two."))))
    assert parts(text, turn_spans(HUMAN_ASSISTANT, text, ASSISTANT)) == [" One.", " Two."]


@pytest.mark.parametrize("name", EVERY)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40, deadline=None)
@given(data=st.data())
def test_what_a_reply_would_be_cut_at_is_in_its_span(name: str, data: st.DataObject) -> None:
    form = EVERY[name]
    transcript = data.draw(transcripts(form))
    text, speaker = form.render(transcript), speakers_of(form)[0]
    spans = iter(parts(text, turn_spans(form, text, speaker)))
    for number, turn in enumerate(transcript.turns):
        if turn.speaker == speaker:
            later = transcript.turns[number + 1 : number + 2]
            stops = [form.stop_text(other.speaker) for other in later if other.speaker != speaker]
            assert next(spans) == form.body(turn) + (form.end or "".join(stops))
    assert next(spans, None) is None


def test_a_text_that_no_transcript_renders_to_has_no_turns() -> None:
    assert turn_spans(HUMAN_ASSISTANT, "Human: Hi.\n\nAssistant:\nOn a line of its own.", ASSISTANT) == []


@pytest.mark.parametrize(
    "kind", [ByteTokenizerSettings(), CharTokenizerSettings(), BpeTokenizerSettings(vocab_size=300)]
)
def test_tokens_are_learnt_by_their_first_byte(kind: TokenizerSettings) -> None:
    text = HUMAN_ASSISTANT.render(TALK)
    tokenizer = kind.train([Document("a", text, source="chat", cluster="a")])
    tokens = tokenizer.encode(text)
    mask = token_mask(tokenizer, text, tokens, turn_spans(HUMAN_ASSISTANT, text, ASSISTANT))
    learnt = tokenizer.decode(tokens[mask])
    assert learnt.replace(" ", "") == "Héllo!\n\nHuman:Goodnight"
