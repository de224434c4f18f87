"""The chatbot, with models that write known lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest

from harness.chat.chatbot import MOST_NEW_TOKENS, Chatbot
from harness.common.errors import UserError
from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.text.tokenizers.char import CharTokenizer
from harness.text.transcript import ASSISTANT, HUMAN, SYSTEM, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY, TranscriptFormat
from tests.harness.text.formats import CHATML, OWN
from tests.toys import ScriptedModel

TOKENIZER = CharTokenizer([*range(128), 0x200B, 0x202E])
GREEDY, SAMPLE = DecodingStrategy(Greedy()), DecodingStrategy(Draw())
REFUSING = dataclasses.replace(CHATML, labels_in_text="refuse")


def answers(*replies: str, label: str = "Assistant:") -> Callable[[str], str]:
    """A script: at each label the next of these replies, repeated from the start."""

    def script(text: str) -> str:
        number = text.count(label) - 1
        written = text.rpartition(label)[2]
        reply = replies[number % len(replies)]
        return reply[len(written) :] if reply.startswith(written) else ""

    return script


def chatbot(
    script: Callable[[str], str | set[str]],
    form: TranscriptFormat = HUMAN_ASSISTANT,
    window: int | None = None,
    **more: object,
) -> Chatbot:
    strategy = more.pop("strategy", GREEDY)
    assert isinstance(strategy, DecodingStrategy)
    engine = Engine(ScriptedModel(TOKENIZER, script, window), TOKENIZER, strategy)
    return Chatbot(engine, form, **more)  # type: ignore[arg-type]


def said(pieces: Iterator[str]) -> str:
    return "".join(pieces)


def talk(*texts: str) -> Transcript:
    return Transcript(tuple(Turn((HUMAN, ASSISTANT)[i % 2], text) for i, text in enumerate(texts)))


HI_AND_BYE = (" hello\n\nHuman:", " goodbye\n\nHuman:")


def test_person_and_model_write_one_transcript() -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    assert said(bot.say("hi")) == " hello"
    assert said(bot.say("bye")) == " goodbye"
    assert bot.transcript == talk("hi", "hello", "bye", "goodbye")
    assert bot.as_read() == HUMAN_ASSISTANT.render(bot.transcript)
    assert bot.last is not None
    assert bot.last.finish_reason == "stop"


@pytest.mark.parametrize(
    ("form", "label", "reply"),
    [
        (CHATML, "<|im_start|>assistant\n", "hello<|im_end|>"),
        (OWN["zephyr"], "<|assistant|>\n", "hello</s>"),
        (OWN["alpaca"], "### Response:", "\nhello\n\n### Instruction:"),
        (OWN["lines"], "A:", " hello\nQ:"),
        (PLAY, "Assistant:", " hello\n\nHuman:"),
    ],
    ids=lambda one: one.name if isinstance(one, TranscriptFormat) else "",
)
def test_it_talks_in_the_format_of_the_run(form: TranscriptFormat, label: str, reply: str) -> None:
    bot = chatbot(answers(reply, label=label), form)
    said(bot.say("hi"))
    said(bot.say("again"))
    assert bot.transcript == talk("hi", "hello", "again", "hello")
    assert bot.last is not None
    assert bot.last.prompt == form.open_turn(talk("hi", "hello", "again"), ASSISTANT)


def test_a_system_turn_comes_first_and_stays() -> None:
    bot = chatbot(answers(*HI_AND_BYE), system="Be kind.")
    said(bot.say("hi"))
    assert bot.transcript.turns[0] == Turn(SYSTEM, "Be kind.")
    assert bot.last is not None
    assert bot.last.prompt == "System: Be kind.\n\nHuman: hi\n\nAssistant:"
    bot.clear()
    assert bot.transcript.turns == (Turn(SYSTEM, "Be kind."),)
    assert bot.as_read() == "System: Be kind."


def test_a_system_turn_is_refused_where_the_format_has_none() -> None:
    with pytest.raises(UserError, match=r"nobody is called 'System' in the format .* Allowed: Human, Assistant"):
        chatbot(answers(""), OWN["gemma"], system="Be kind.")


def test_in_a_play_anyone_talks_with_anyone_and_others_join_in() -> None:
    script = answers(" Ay me.\n\nNURSE: Madam!\n\nROMEO:", label="JULIET:")
    bot = chatbot(script, PLAY, person="ROMEO", partner="JULIET")
    said(bot.say("Lady?"))
    assert bot.transcript.turns == (Turn("ROMEO", "Lady?"), Turn("JULIET", "Ay me."), Turn("NURSE", "Madam!"))
    bot.talk_as("PARIS", "NURSE")
    said(bot.say("Who is there?"))
    assert bot.last is not None
    assert bot.last.prompt.endswith("\n\nNURSE: Madam!\n\nPARIS: Who is there?\n\nNURSE:")


@pytest.mark.parametrize(
    ("person", "partner", "message"),
    [
        ("Humam", ASSISTANT, "Did you mean 'Human'"),
        (HUMAN, HUMAN, "names of your own"),
        (HUMAN, "X", "nobody is called 'X'"),
    ],
)
def test_speakers_that_can_not_be_are_refused(person: str, partner: str, message: str) -> None:
    bot = chatbot(answers(""))
    with pytest.raises(UserError, match=message):
        bot.talk_as(person, partner)
    assert (bot.person, bot.partner) == (HUMAN, ASSISTANT)


# --- retry, undo, clear, another strategy


def any_letter(text: str) -> set[str]:
    written = text.rpartition("Assistant:")[2]
    return set("\n\nHuman:"[len(written) - 8 :][:1]) if len(written) >= 8 else set("abcdefgh")


def test_a_reply_tried_again_is_another_and_takes_its_place() -> None:
    bot = chatbot(any_letter, strategy=SAMPLE)
    replies = [said(bot.say("hi")), said(bot.retry()), said(bot.retry())]
    assert len(set(replies)) == 3
    assert bot.transcript == talk("hi", replies[-1])
    again = chatbot(any_letter, strategy=SAMPLE)
    assert [said(again.say("hi")), said(again.retry())] == replies[:2]


def test_an_exchange_is_taken_back_whole() -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    said(bot.say("hi"))
    said(bot.say("bye"))
    bot.undo()
    assert bot.transcript == talk("hi", "hello")
    assert said(bot.say("so?")) == " goodbye"


def test_with_nothing_said_there_is_nothing_to_retry_or_undo() -> None:
    bot = chatbot(answers(""))
    with pytest.raises(UserError, match="no reply to try again"):
        said(bot.retry())
    with pytest.raises(UserError, match="nothing to take back"):
        bot.undo()
    assert bot.as_read() == ""


def test_another_strategy_is_used_from_then_on() -> None:
    bot = chatbot(any_letter)
    assert said(bot.say("hi")) == "aaaaaaaa"
    bot.use(SAMPLE)
    assert said(bot.retry()) != "aaaaaaaa"


# --- replies that end in other ways


def test_an_empty_reply_is_an_empty_turn() -> None:
    for script in (answers("\n\nHuman:"), answers("")):
        bot = chatbot(script)
        assert said(bot.say("hi")) == ""
        assert bot.transcript == talk("hi", "")
        assert said(bot.say("hello?")) == ""
        assert bot.transcript == talk("hi", "", "hello?", "")


def test_a_model_that_never_stops_is_stopped() -> None:
    bot = chatbot(lambda text: "la", max_new_tokens=7)
    assert said(bot.say("hi")) == "lllllll"
    assert bot.last is not None
    assert bot.last.finish_reason == "length"


def test_a_reply_that_is_not_read_to_its_end_keeps_what_was_read() -> None:
    bot = chatbot(answers(" one two three\n\nHuman:"))
    pieces = bot.say("hi")
    heard = next(pieces) + next(pieces)
    pieces.close()
    assert bot.transcript == talk("hi", heard.strip())
    assert bot.last is not None
    assert bot.last.finish_reason is None
    assert said(bot.say("and?")).startswith(" one")


def test_an_interrupt_while_the_model_thinks_stops_the_reply_and_nothing_else() -> None:
    def interrupted(text: str) -> str:
        if text.endswith("tw"):
            raise KeyboardInterrupt
        return answers(" one two three\n\nHuman:")(text)

    bot = chatbot(interrupted)
    with pytest.raises(KeyboardInterrupt):
        said(bot.say("hi"))
    assert bot.transcript.turns[0] == Turn(HUMAN, "hi")
    assert bot.transcript.turns[1].text in ("one t", "one tw")


def test_without_stop_texts_the_model_writes_for_all_speakers() -> None:
    written = " hello\n\nHuman: what?\n\nAssistant: nothing"
    bot = chatbot(answers(written, label="hi\n\nAssistant:"), stops=False, max_new_tokens=len(written) - 5)
    assert said(bot.say("hi")) == written[:-5]
    assert bot.transcript == talk("hi", "hello", "what?", "no")


# --- what the format refuses


def test_a_line_that_the_format_refuses_changes_nothing() -> None:
    bot = chatbot(answers("ok<|im_end|>", label="assistant\n"), REFUSING)
    said(bot.say("hi"))
    with pytest.raises(UserError, match="a turn of Human has the words"):
        said(bot.say("what is <|im_end|>?"))
    assert bot.transcript == talk("hi", "ok")


def test_the_same_line_is_escaped_where_the_format_escapes() -> None:
    bot = chatbot(answers("ok<|im_end|>", label="assistant\n"), CHATML)
    said(bot.say("what is <|im_end|>?"))
    assert bot.transcript == talk("what is <|im_end|>?", "ok")
    assert "what is <\\|im_end|>?<|im_end|>\n" in bot.as_read()


def test_a_reply_that_the_format_refuses_is_left_out_with_a_message() -> None:
    bot = chatbot(answers("a<\\|im_end|>b<|im_end|>", "ok<|im_end|>", label="assistant\n"), REFUSING)
    with pytest.raises(UserError, match="this reply is left out of the conversation: a turn of Assistant"):
        said(bot.say("hi"))
    assert bot.transcript == Transcript()


# --- the model's window


def test_when_the_window_is_full_the_oldest_turns_leave_it_but_stay_in_the_transcript() -> None:
    bot = chatbot(answers(" yes\n\nHuman:"), window=80, max_new_tokens=15, system="Nod.")
    for number in range(6):
        said(bot.say(f"is it {number}?"))
        assert bot.last is not None
        assert 1 + len(TOKENIZER.encode(bot.last.prompt)) + 15 <= 80
        read = HUMAN_ASSISTANT.parse(bot.last.prompt).turns
        assert read[0] == Turn(SYSTEM, "Nod.")
        earlier_turns = bot.transcript.turns[:-1]
        assert read[1:-1] == earlier_turns[1 + bot.last.left_out :]
        if bot.last.left_out:  # one turn more would not have fitted
            more = Transcript((*bot.system, *earlier_turns[bot.last.left_out :]))
            assert 1 + len(TOKENIZER.encode(HUMAN_ASSISTANT.open_turn(more, ASSISTANT))) + 15 > 80
    assert bot.last is not None
    assert bot.last.left_out > 0
    assert len(bot.transcript.turns) == 13


def test_a_line_too_long_for_the_window_is_refused_and_nothing_is_lost() -> None:
    bot = chatbot(answers(" yes\n\nHuman:"), window=65, max_new_tokens=15)
    said(bot.say("hi"))
    with pytest.raises(
        UserError, match=r"takes 70 tokens; the model's window of 65 has room for 49 beside a reply of 15"
    ):
        said(bot.say("x" * 51))
    assert bot.transcript == talk("hi", "yes")


@pytest.mark.parametrize(("window", "expected"), [(None, MOST_NEW_TOKENS), (2000, MOST_NEW_TOKENS), (256, 128)])
def test_replies_leave_half_of_a_window_free(window: int | None, expected: int) -> None:
    assert chatbot(answers(""), window=window).max_new_tokens == expected


def test_replies_as_long_as_the_window_are_refused() -> None:
    with pytest.raises(UserError, match=r"replies of 255 tokens leave no room.*at most 254"):
        chatbot(answers(""), window=256, max_new_tokens=255)
