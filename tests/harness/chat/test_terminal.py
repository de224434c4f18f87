"""The conversation at a terminal: every command, every mistake, and text that would harm the terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.chat.chatbot import Chatbot
from harness.chat.terminal import Talk
from harness.common.errors import UserError
from harness.completion.engine import DecodingStrategy, Engine
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY, TranscriptFormat
from tests.harness.chat.test_chatbot import GREEDY, HI_AND_BYE, SAMPLE, answers, any_letter, chatbot, talk
from tests.harness.text.formats import CHATML


def strategy_named(name: str) -> DecodingStrategy:
    if name not in ("greedy", "temperature"):
        raise UserError(f"decoding={name} is not known. Allowed: greedy, temperature.")
    return GREEDY if name == "greedy" else SAMPLE


def model_named(name: str, speakers: tuple[str, str]) -> tuple[str, Engine, TranscriptFormat]:
    if name not in ("letters", "chatml"):
        raise UserError(f"no run {name!r}. There are: letters, chatml.")
    form = HUMAN_ASSISTANT if name == "letters" else CHATML
    return f"{name}-greedy-s0", chatbot(any_letter("x"), form=form).engine, form


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Type some lines to a chatbot; returns all that the terminal showed."""

    def type_to(bot: Chatbot, *lines: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        Talk(bot, strategy_named, model_named).run()
        return capsys.readouterr().out

    return type_to


Typed = Callable[..., str]


def test_lines_from_a_pipe_are_a_conversation(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    shown = typed(bot, "hi", "bye")
    assert "Human: hi\nAssistant: hello\nHuman: bye\nAssistant: goodbye\nHuman: \n" in shown
    assert bot.transcript == talk("hi", "hello", "bye", "goodbye")


def test_the_end_of_the_input_and_quit_end_it(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    typed(bot)
    typed(bot, "/quit", "hi")
    assert bot.transcript == talk()


def test_empty_lines_are_no_turns(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    typed(bot, "", "   ", "\t")
    assert bot.transcript == talk()


def test_in_a_format_without_a_space_the_reply_stands_apart_from_the_label(typed: Typed) -> None:
    shown = typed(chatbot(answers("hello<|im_end|>", label="assistant\n"), CHATML), "hi")
    assert "assistant: hello\n" in shown


def test_speakers_have_the_names_that_the_model_reads(typed: Typed, tmp_path: Path) -> None:
    form = TranscriptFormat("qa", {"Human": "Q", "Assistant": "A"})
    bot = chatbot(answers(" hello\n\nQ:", label="A:"), form)
    shown = typed(
        bot,
        "hi",
        f"/save {tmp_path / 'talk.txt'}",
    )
    assert "Q: hi\nA: hello\nQ: " in shown
    assert "Human" not in shown
    assert (tmp_path / "talk.txt").read_text() == "Q: hi\n\nA: hello\n"
    assert "[A says nothing]" in typed(chatbot(answers("", label="A:"), form), "hi")


# --- commands


def test_help_names_every_command(typed: Typed) -> None:
    shown = typed(chatbot(answers("")), "/help")
    for name in ("retry", "undo", "clear", "decoding NAME", "as NAME", "with NAME", "raw", "save FILE", "save! FILE"):
        assert f"/{name}" in shown


def test_a_mistyped_command_is_not_said_to_the_model(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    shown = typed(bot, "/rtry", "/", "/retry now", "/quit it", "/HELP")
    assert "/rtry is not a command. Did you mean '/retry'?" in shown
    assert "/HELP is not a command. Did you mean '/help'?" in shown
    assert "/ is not a command." in shown
    assert "/retry takes no argument (got 'now')" in shown
    assert bot.transcript == talk()


@pytest.mark.parametrize("command", ["/quit", "/exit"])
def test_quit_and_exit_end_the_talk(typed: Typed, command: str) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    typed(bot, command, "hi")
    assert bot.transcript == talk()


def test_a_line_may_begin_with_a_slash(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    typed(bot, "//etc is a folder")
    assert bot.transcript == talk("/etc is a folder", "hello")


def test_retry_writes_another_reply_to_the_same_line(typed: Typed) -> None:
    bot = chatbot(any_letter, strategy=SAMPLE)
    typed(bot, "hi")
    before = bot.transcript
    typed(bot, "/retry")
    assert bot.transcript.turns[0] == before.turns[0]
    assert bot.transcript.turns[1] != before.turns[1]


def test_undo_takes_the_last_exchange_back_and_says_which(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    shown = typed(bot, "hi", "bye", "/undo")
    assert "[taken back: bye]" in shown
    assert bot.transcript == talk("hi", "hello")


def test_clear_starts_again(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    typed(bot, "hi", "/clear")
    assert bot.transcript == talk()


def test_at_the_start_retry_undo_and_save_say_that_there_is_nothing_yet(typed: Typed, tmp_path: Path) -> None:
    shown = typed(chatbot(answers("")), "/retry", "/undo", f"/save {tmp_path / 'talk.txt'}", "/raw")
    assert "[there is no reply to try again yet. Say something first.]" in shown
    assert "[there is nothing to take back yet.]" in shown
    assert "[there is nothing to save yet]" in shown
    assert "[tokens, with the start token: 1]" in shown
    assert not list(tmp_path.iterdir())


def test_decoding_changes_the_strategy_and_a_wrong_name_gives_the_list(typed: Typed) -> None:
    bot = chatbot(any_letter)
    shown = typed(bot, "hi", "/decoding temprature", "/decoding", "/decoding temperature", "/retry")
    assert shown.count("Allowed: greedy, temperature.") == 2
    assert "[from now on: temperature]" in shown
    assert bot.engine.strategy == SAMPLE
    assert len(bot.transcript.turns) == 2
    assert bot.transcript != talk("hi", "aaaaaaaa")


def test_in_a_play_speakers_are_chosen_as_it_goes_on(typed: Typed) -> None:
    bot = chatbot(answers(" Ay me.\n\nROMEO:", label="JULIET:"), PLAY)
    shown = typed(bot, "/as ROMEO", "/with JULIET", "Lady?", "/as JULIET", "/as a:b")
    assert "ROMEO: Lady?\nJULIET: Ay me.\n" in shown
    assert "[JULIET can't talk with JULIET" in shown
    assert "['a:b' can't be a speaker's name" in shown
    assert bot.transcript.speakers == ("ROMEO", "JULIET")


def test_raw_shows_what_the_engine_sees_with_control_characters_spelled_out(typed: Typed) -> None:
    bot = chatbot(answers(" \x1b[2Jhe\u202ello\n\nHuman:"), window=100, max_new_tokens=40)
    shown = typed(bot, "hi", "/raw")
    assert "\nHuman: hi\n\nAssistant: \\x1b[2Jhe\\u202ello\n[" in shown
    tokens = 1 + len("Human: hi\n\nAssistant: \x1b[2Jhe\u202ello")
    assert f"[tokens, with the start token: {tokens}; the model's window: 100]" in shown


# --- saving


def test_save_writes_the_whole_transcript_in_the_run_s_format(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "a talk.txt"
    bot = chatbot(answers(" yes\n\nHuman:"), window=80, max_new_tokens=15)
    shown = typed(bot, *(f"is it {number}?" for number in range(6)), f"/save {file}")
    assert f"[written: {file}]" in shown
    assert shown.count("has no more room for the oldest turns") == 1
    assert HUMAN_ASSISTANT.parse(file.read_text().removesuffix("\n")) == bot.transcript
    assert len(bot.transcript.turns) == 12


def test_save_overwrites_only_when_told_to(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "talk.txt"
    file.write_text("precious")
    bot = chatbot(answers(*HI_AND_BYE))
    shown = typed(bot, "hi", f"/save {file}")
    assert f"{file} exists already. Name another file, or overwrite it: /save! {file}" in shown
    assert file.read_text() == "precious"
    typed(bot, f"/save! {file}")
    assert HUMAN_ASSISTANT.parse(file.read_text().removesuffix("\n")) == bot.transcript


@pytest.mark.parametrize("where", ["a file/talk.txt", ".", "nul\0.txt", "~nobody-of-this-name/x", "x" * 300])
def test_a_place_that_can_not_be_written_loses_nothing(typed: Typed, tmp_path: Path, where: str) -> None:
    (tmp_path / "a file").touch()
    bot = chatbot(answers(*HI_AND_BYE))
    file = where if where.startswith("~") else f"{tmp_path}/{where}"
    shown = typed(bot, "hi", f"/save! {file}", "bye", "/save")
    assert "can't be written" in shown
    assert "Nothing is lost" in shown
    assert "[name a file to write, as /save talk.txt]" in shown
    assert bot.transcript == talk("hi", "hello", "bye", "goodbye")
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


# --- how replies end, and what they do to the terminal


def test_text_of_the_model_can_not_move_the_terminal(typed: Typed) -> None:
    shown = typed(chatbot(answers(" \x1b]0;owned\x07\r\u200bhi\n\nHuman:")), "hello")
    assert "Assistant: \\x1b]0;owned\\x07\\x0d\\u200bhi\n" in shown
    assert not set("\x1b\x07\r\u200b") & set(shown)


def test_the_end_of_a_reply_is_explained(typed: Typed) -> None:
    assert "[cut off after 5 tokens]" in typed(chatbot(lambda text: "la", max_new_tokens=5), "hi")
    assert "[Assistant says nothing]" in typed(chatbot(answers("")), "hi")
    shown = typed(chatbot(answers(*HI_AND_BYE)), "hi")
    assert "[" not in shown


def test_an_interrupt_stops_the_reply_and_keeps_the_conversation(typed: Typed) -> None:
    interrupts = [KeyboardInterrupt]

    def script(text: str) -> str:
        if text.endswith(" one tw") and interrupts:
            raise interrupts.pop()
        return answers(" one two\n\nHuman:")(text)

    bot = chatbot(script)
    shown = typed(bot, "hi", "go on")
    assert "Assistant: one t" in shown
    assert "[stopped]" in shown
    assert len(bot.transcript.turns) == 4
    assert bot.transcript.turns[1].text.startswith("one t")
    assert bot.transcript.turns[3].text == "one two"


def test_an_interrupt_at_the_prompt_ends_nothing(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter([KeyboardInterrupt, "hi", EOFError])

    def typed_line(prompt: str) -> str:
        line = next(lines)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", typed_line)
    bot = chatbot(answers(*HI_AND_BYE))
    Talk(bot, strategy_named, model_named).run()
    assert "[Ctrl-D or /quit ends the conversation]" in capsys.readouterr().out
    assert bot.transcript == talk("hi", "hello")


def test_without_stop_texts_everything_the_model_writes_is_marked_as_its_own(typed: Typed) -> None:
    written = " hello\n\nHuman: what?\n\nAssistant: no"
    bot = chatbot(answers(written, label="hi\n\nAssistant:"), stops=False, max_new_tokens=len(written))
    shown = typed(bot, "hi")
    assert "it wrote all lines that begin with '| ', yours too" in shown
    assert "Human: hi\nAssistant:\n|  hello\n| \n| Human: what?\n| \n| Assistant: no\nHuman: " in shown
    assert bot.transcript == talk("hi", "hello", "what?", "no")


def test_what_the_engine_refuses_is_explained_and_loses_nothing(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE), window=70, max_new_tokens=20)
    shown = typed(bot, "hi", "x" * 80, "bye")
    assert "[that takes 99 tokens; the model's window of 70 has room for 49" in shown
    assert bot.transcript == talk("hi", "hello", "bye", "goodbye")


def test_another_model_takes_over_and_the_conversation_goes_on(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    shown = typed(bot, "hi", "/load nobody", "/load", "/load chatml", "/raw")
    assert "[no run 'nobody'. There are: letters, chatml.]" in shown
    assert "[name a run, as /load ngram-top_p]" in shown
    assert "[from now on chatml-greedy-s0 answers]" in shown
    assert bot.form == CHATML
    assert bot.transcript == talk("hi", "hello")


def test_a_model_without_the_speakers_is_refused(typed: Typed) -> None:
    bot = chatbot(answers(*HI_AND_BYE))
    typed(bot, "hi")
    engine, form = bot.engine, bot.form
    with pytest.raises(UserError):
        bot.load(chatbot(any_letter("x")).engine, TranscriptFormat("two", {"A": "A", "B": "B"}))
    assert (bot.engine, bot.form) == (engine, form)
