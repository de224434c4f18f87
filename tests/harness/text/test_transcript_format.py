from __future__ import annotations

from typing import Any

import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.common.errors import UserError
from harness.text.transcript import ASSISTANT, HUMAN, SYSTEM, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY, TranscriptFormat, chat_format
from tests.harness.text.formats import (
    CHATML,
    EVERY,
    FROM_CONF,
    OWN,
    hard_text,
    random_formats,
    speakers_of,
    transcripts,
)
from tests.harness.text.strategies import tricky_text

REFUSING = TranscriptFormat("refusing", HUMAN_ASSISTANT.speakers, labels_in_text="refuse")

every_format = pytest.mark.parametrize("form", EVERY.values(), ids=EVERY)


def human_assistant(*texts: str) -> Transcript:
    return Transcript(tuple(Turn((HUMAN, ASSISTANT)[i % 2], text) for i, text in enumerate(texts)))


# --- properties of every format, for any text


def check_every_promise(form: TranscriptFormat, transcript: Transcript) -> None:
    text = form.render(transcript)
    assert form.parse(text) == transcript
    for speaker in speakers_of(form):
        prompt = form.open_turn(transcript, speaker)
        assert form.parse(prompt) == Transcript((*transcript.turns, Turn(speaker, "")))
        for turn in transcript.turns:
            said = Turn(speaker, turn.text)
            assert prompt + form.body(said) + form.end == form.render(Transcript((*transcript.turns, said)))
            assert form.reply(speaker, form.body(said)) == form.reply(speaker, form.body(said) + form.end) == (said,)
            for next_speaker in speakers_of(form):
                stop = form.stop_text(next_speaker)
                assert stop not in form.label(speaker) + form.body(said)
                assert form.body(said) + stop in form.open_turn(Transcript((said,)), next_speaker)
    stops = {form.stop_text(speaker) for speaker in speakers_of(form)}
    handed_over = sum(text.count(stop) for stop in stops)
    assert handed_over == (len(transcript.turns) if form.end else max(0, len(transcript.turns) - 1))


@every_format
@given(data=st.data())
def test_transcripts_parse_back_and_no_turn_holds_a_stop_text(form: TranscriptFormat, data: st.DataObject) -> None:
    check_every_promise(form, data.draw(transcripts(form)))


@settings(max_examples=50, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_a_format_is_refused_or_keeps_every_promise(data: st.DataObject) -> None:
    form = data.draw(random_formats())
    check_every_promise(form, data.draw(transcripts(form)))


@every_format
@given(data=st.data())
def test_a_format_that_refuses_either_refuses_or_parses_back(form: TranscriptFormat, data: st.DataObject) -> None:
    transcript = data.draw(transcripts(form))
    refusing = TranscriptFormat(**{**vars_of(form), "labels_in_text": "refuse"})
    try:
        text = refusing.render(transcript)
    except UserError:
        assert "\\" in form.render(transcript)
    else:
        assert text == form.render(transcript)
        assert refusing.parse(text) == transcript


def vars_of(form: TranscriptFormat) -> dict[str, Any]:
    return {name: getattr(form, name) for name in TranscriptFormat.__dataclass_fields__}


@every_format
@given(text=tricky_text, data=st.data())
def test_whatever_a_model_writes_is_turns_that_can_be_rendered(
    form: TranscriptFormat, text: str, data: st.DataObject
) -> None:
    speaker = speakers_of(form)[0]
    for written in (text, data.draw(hard_text(form))):
        turns = form.reply(speaker, written)
        assert turns[0].speaker == speaker
        rendered = form.render(Transcript(turns))
        assert form.parse(rendered).turns == turns


# --- human_assistant, byte by byte


def test_a_chat_looks_as_documented() -> None:
    transcript = human_assistant("hi there", "hello", "bye")
    assert HUMAN_ASSISTANT.render(transcript) == "Human: hi there\n\nAssistant: hello\n\nHuman: bye"


def test_a_system_turn_comes_before_the_others() -> None:
    transcript = Transcript((Turn(SYSTEM, "Be kind."), Turn(HUMAN, "hi")))
    assert HUMAN_ASSISTANT.open_turn(transcript, ASSISTANT) == "System: Be kind.\n\nHuman: hi\n\nAssistant:"


def test_the_space_after_the_colon_belongs_to_what_is_said() -> None:
    prompt = HUMAN_ASSISTANT.open_turn(human_assistant("hi"), ASSISTANT)
    assert prompt == "Human: hi\n\nAssistant:"
    assert prompt + " hello" == HUMAN_ASSISTANT.render(human_assistant("hi", "hello"))
    assert HUMAN_ASSISTANT.reply(ASSISTANT, " hello") == (Turn(ASSISTANT, "hello"),)


def test_the_stop_text_is_what_opens_the_next_turn() -> None:
    prompt = HUMAN_ASSISTANT.open_turn(human_assistant("hi"), ASSISTANT)
    stop = HUMAN_ASSISTANT.stop_text(HUMAN)
    assert stop == "\n\nHuman:"
    assert f"{prompt} hello{stop} bye" == HUMAN_ASSISTANT.render(human_assistant("hi", "hello", "bye"))


def test_no_transcript_is_the_empty_text() -> None:
    assert HUMAN_ASSISTANT.render(Transcript()) == CHATML.render(Transcript()) == ""
    assert HUMAN_ASSISTANT.parse("") == Transcript()
    assert HUMAN_ASSISTANT.open_turn(Transcript(), ASSISTANT) == "Assistant:"


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
        ("a\n\nuser: b", "Human: a\n\nuser: b"),
        ("", "Human:"),
        (" ", "Human:  "),
    ],
)
def test_only_a_label_at_a_structural_place_is_escaped(said: str, written: str) -> None:
    assert HUMAN_ASSISTANT.render(human_assistant(said)) == written
    assert HUMAN_ASSISTANT.parse(written) == human_assistant(said)


# --- chatml, and other people's formats by configuration

_CHATML_TEMPLATE = """\
{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}\
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
_ZEPHYR_TEMPLATE = """\
{% for message in messages %}\n{% if message['role'] == 'user' %}\n\
{{ '<|user|>\n' + message['content'] + eos_token }}\n\
{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n\
{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n\
{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"""
_GEMMA_TEMPLATE = """\
{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}\
{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + \
'<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"""
_LLAMA3_TEMPLATE = """\
{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + \
message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}\
{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""
ROLES = {HUMAN: "user", ASSISTANT: "assistant", SYSTEM: "system"}


@pytest.mark.parametrize(
    ("form", "template"),
    [
        (CHATML, _CHATML_TEMPLATE),
        (OWN["zephyr"], _ZEPHYR_TEMPLATE),
        (OWN["gemma"], _GEMMA_TEMPLATE),
        (OWN["llama3"], _LLAMA3_TEMPLATE),
    ],
    ids=lambda one: one.name if isinstance(one, TranscriptFormat) else "",
)
def test_prompts_are_those_of_the_models_published_chat_templates(form: TranscriptFormat, template: str) -> None:
    turns = [Turn(HUMAN, "Hi there."), Turn(ASSISTANT, "Hello!\n\nHow are you?"), Turn(HUMAN, "Fine: <b>")]
    if SYSTEM in (form.speakers or ()):
        turns.insert(0, Turn(SYSTEM, "Be kind."))
    # as transformers sets jinja up
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": ROLES[turn.speaker], "content": turn.text} for turn in turns]
    theirs = environment.from_string(template).render(messages=messages, add_generation_prompt=True, eos_token="</s>")
    assert form.open_turn(Transcript(tuple(turns)), ASSISTANT).rstrip() == theirs.rstrip()


def test_chatml_looks_as_published() -> None:
    transcript = Transcript((Turn(SYSTEM, "Be kind."), Turn(HUMAN, "hi"), Turn(ASSISTANT, "")))
    text = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<|im_end|>"
    assert CHATML.render(transcript) == text
    assert CHATML.parse(text) == CHATML.parse(text + "\n") == transcript
    assert CHATML.stop_text(HUMAN) == CHATML.stop_text(ASSISTANT) == "<|im_end|>"


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("a<|im_end|>b", "a<\\|im_end|>b"),
        ("a<\\|im_end|>b", "a<\\\\|im_end|>b"),
        ("<|im_end|>\n<|im_start|>user\nb", "<\\|im_end|>\n<|im_start|>user\nb"),
        ("a<|im_start|>user\nb", "a<|im_start|>user\nb"),
        ("\n\nHuman: b", "\n\nHuman: b"),
        ("<|im_end|", "<|im_end|"),
    ],
)
def test_in_chatml_the_end_of_a_turn_is_escaped(said: str, written: str) -> None:
    assert CHATML.body(Turn(HUMAN, said)) == written
    assert CHATML.parse(CHATML.render(human_assistant(said, "x"))) == human_assistant(said, "x")


def test_one_s_own_labels_are_written_and_read() -> None:
    custom_format = OWN["lines"]
    assert custom_format.render(human_assistant("hi", "ho")) == "Q: hi\nA: ho"
    assert custom_format.parse("Q: hi\nA: ho\nHuman: no") == human_assistant("hi", "ho\nHuman: no")
    with pytest.raises(UserError, match=r"nobody is called 'System' in the format .* Allowed: Human, Assistant"):
        custom_format.label(SYSTEM)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"name": ""}, "name is empty"),
        ({"end": "\\e"}, "end='\\\\\\\\e' has a backslash"),
        ({"before_text": " - "}, "before_text=' - ' may contain only white space"),
        ({"before_name": " <"}, "before_name=' <' begins with white space"),
        ({"end": "~"}, "end='~' must have 2 characters"),
        ({"end": "###"}, "must not occur again"),
        ({"end": "\n###"}, "end='\\\\n###' must have"),
        ({"end": "</s>", "between": "</s>\n"}, "contains the end '</s>'"),
        ({"between": ""}, "between='' must not be empty"),
        ({"between": "\n", "after_name": ":\n"}, "share no character with labels.*before_text"),
        ({"after_name": ""}, "after_name is empty"),
        ({"speakers": {}}, "speakers is empty"),
        ({"speakers": {"A": "x:y"}}, "'x:y' can't be a speaker's name"),
        ({"speakers": {"A": "x", "B": "xy"}, "after_name": ""}, "with which 'xy' begins"),
        ({"speakers": {"A": "x", "B": "x"}}, "speakers has 'x:' twice: they can't be distinguished"),
        ({"speakers": {"A": "end"}, "before_name": "<|", "after_name": "|>", "end": "<|end|>"}, "'end' can't be"),
    ],
)
def test_a_format_whose_transcripts_could_not_be_told_apart_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TranscriptFormat(**{"name": "own", **parts})


# --- reading text from models


def test_refusing_names_the_words_and_a_way_out() -> None:
    with pytest.raises(UserError, match=r"'Human:' after a blank line.*labels_in_text=escape"):
        REFUSING.render(human_assistant("a\n\nHuman: b"))
    refusing = TranscriptFormat(**{**vars_of(CHATML), "labels_in_text": "refuse"})
    with pytest.raises(UserError, match=r"a turn of Human has the words '<\|im_end\|>'"):
        refusing.render(human_assistant("a<|im_end|>"))


@pytest.mark.parametrize(
    ("form", "label"), [(HUMAN_ASSISTANT, "Human: or"), (PLAY, "NAME:"), (CHATML, "<|im_start|>user")]
)
def test_text_that_opens_with_no_label_is_refused(form: TranscriptFormat, label: str) -> None:
    with pytest.raises(UserError, match="begins with a label") as caught:
        form.parse("hello\n\nHuman: hi")
    assert label in str(caught.value)


def test_a_label_before_a_line_break_is_a_label() -> None:
    assert HUMAN_ASSISTANT.parse("Human:\nhi").turns == (Turn("Human", "\nhi"),)


def test_the_turns_of_a_model_that_writes_on_are_separated() -> None:
    assert (
        HUMAN_ASSISTANT.reply(ASSISTANT, " a\n\nHuman: b\n\nAssistant:") == human_assistant("", "a", "b", "").turns[1:]
    )
    assert HUMAN_ASSISTANT.reply(ASSISTANT, "glued\n\nHuman:x") == (Turn(ASSISTANT, "glued\n\nHuman:x"),)
    written = "a<|im_end|>\n<|im_start|>user\nb<|im_end|>"
    assert CHATML.reply(ASSISTANT, written) == human_assistant("", "a", "b").turns[1:]
    assert CHATML.reply(ASSISTANT, "a<|im_end|>b") == (Turn(ASSISTANT, "a<|im_end|>b"),)


def test_an_unknown_speaker_is_refused_with_the_closest_name() -> None:
    with pytest.raises(UserError, match="Did you mean 'Assistant'"):
        HUMAN_ASSISTANT.label("Asistant")


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", " a", "a ", "\\a", "x" * 61])
def test_a_name_that_could_not_be_parsed_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="can't be a speaker's name"):
        PLAY.label(name)
    with pytest.raises(ValueError, match="can't be a speaker's name"):
        TranscriptFormat("own", {"A": name})


def test_a_name_that_begins_another_name_is_distinguished() -> None:
    custom_format = TranscriptFormat("own", {"Ann": "Ann", "Ann Lee": "Ann Lee"})
    transcript = Transcript((Turn("Ann Lee", "hi"), Turn("Ann", "ho")))
    assert custom_format.parse(custom_format.render(transcript)) == transcript


# --- the rest


def test_the_options_of_conf_are_the_formats_of_the_code() -> None:
    assert FROM_CONF["human_assistant"] == HUMAN_ASSISTANT
    assert FROM_CONF["play"] == PLAY
    assert {name: form.name for name, form in FROM_CONF.items()} == {name: name for name in FROM_CONF}


def test_the_format_for_a_conversation_is_found_among_several() -> None:
    assert chat_format([PLAY, CHATML]) is CHATML
    assert chat_format([PLAY]) is PLAY
    assert chat_format([]) is HUMAN_ASSISTANT
    duet = TranscriptFormat("duet", {"A": "A", "B": "B"})
    assert chat_format([duet]) is HUMAN_ASSISTANT
    assert chat_format([CHATML, duet], ("B", "A")) is duet
    assert chat_format([CHATML, PLAY], ("ROMEO", "JULIET")) is PLAY
    assert chat_format([CHATML], ("ROMEO", "JULIET")) is CHATML
