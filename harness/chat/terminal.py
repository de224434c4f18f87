"""A conversation in a terminal: reads lines, shows what the model writes as it writes it, and knows the commands.

It also takes lines from a pipe. A model's text is untrusted: characters that could control the terminal are made
visible. Text in square brackets comes from the program.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.chat.chatbot import Chatbot
from harness.common.errors import UserError, closest
from harness.common.files import write_bytes
from harness.common.terminal import say
from harness.common.visible import visible
from harness.completion.engine import DecodingStrategy, Engine
from harness.text.transcript_format import TranscriptFormat
from harness.text.utf8 import encode_utf8

_GREETING = "Type a line, then Enter. /help shows the commands, Ctrl-C stops a reply, Ctrl-D ends."
# Before each line of the model where it writes the person's lines too.
_MARGIN = "| "
_NO_STOP = f"The model isn't stopped where it hands over: it wrote all lines that begin with '{_MARGIN}', yours too."


class Talk:
    """A chatbot at a terminal."""

    def __init__(
        self,
        chatbot: Chatbot,
        strategy_named: Callable[[str], DecodingStrategy],
        model_named: Callable[[str, tuple[str, str]], tuple[str, Engine, TranscriptFormat]],
    ) -> None:
        """strategy_named: finds a decoding strategy by name. model_named: finds a run: its id, its engine, and its
        format for two speakers. UserError, with what there is, where there is none."""
        self.chatbot = chatbot
        self._strategy_named = strategy_named
        self._model_named = model_named
        self._noted_window = False
        self._is_over = False
        # name: (argument, help, action)
        self._commands: dict[str, tuple[str, str, Callable[[str], None]]] = {
            "retry": ("", "the last reply again, with another seed", lambda _: self._show(chatbot.retry())),
            "undo": ("", "take back your last line and the reply to it", lambda _: self._undo()),
            "clear": ("", "start a new conversation", lambda _: self._clear()),
            "decoding": ("NAME", "decode by another strategy, or by several: [repetition_penalty,top_p]", self._decode),
            "load": ("RUN", "let another run's model answer; the conversation goes on", self._load),
            "as": ("NAME", "speak as somebody else", lambda name: self._talk_as(name, chatbot.partner)),
            "with": ("NAME", "let somebody else answer", lambda name: self._talk_as(chatbot.person, name)),
            "raw": ("", "the transcript as the completion engine sees it", lambda _: self._show_raw()),
            "save": ("FILE", "write the whole transcript to a new file", lambda file: self._save(file, over=False)),
            "save!": ("FILE", "the same, over what is in the file", lambda file: self._save(file, over=True)),
            "help": ("", "this list", lambda _: self._help()),
            "quit": ("", "end", lambda _: self._quit()),
            "exit": ("", "the same", lambda _: self._quit()),
        }

    def run(self) -> None:
        """Talk until the person ends it. No mistake and no Ctrl-C ends it, or loses a line."""
        with contextlib.suppress(ImportError):
            importlib.import_module("readline")  # lines can be edited, and earlier ones recalled
        # A process that was started in the background begins with Ctrl-C ignored, and passes that on to what it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        say(_GREETING if self.chatbot.stops else f"{_GREETING}\n{_NO_STOP}")
        while not self._is_over:
            try:
                line = input(f"{visible(self._shown(self.chatbot.person))}: ").strip()
                if not sys.stdin.isatty():
                    say(line)
                self._obey(line)
            except EOFError:
                say()
                return
            except UserError as error:
                _note(str(error))
            except KeyboardInterrupt:
                say()
                _note("Ctrl-D or /quit ends the conversation")

    def _obey(self, line: str) -> None:
        """Run a command, or say the line."""
        if line.startswith("/") and not line.startswith("//"):
            name, _, rest = line[1:].partition(" ")
            if name not in self._commands:
                near = closest(f"/{name}", [f"/{command}" for command in self._commands])
                raise UserError(
                    f"/{name} is not a command.{near} /help shows them all. To say a line that begins with /, type two"
                )
            takes, _, do = self._commands[name]
            if rest and not takes:
                raise UserError(f"/{name} takes no argument (got {rest!r})")
            do(rest.strip())
        elif line:
            self._show(self.chatbot.say(line[1:] if line.startswith("//") else line))

    def _show(self, pieces: Iterator[str]) -> None:
        """Show a reply as it is written, and notes about it. Ctrl-C stops it; the text so far stays."""
        begun = False
        try:
            for piece in pieces:
                if not begun:
                    self._note_window()
                    say(self._opening(), end="")
                    begun = True
                say(piece if self.chatbot.stops else piece.replace("\n", f"\n{_MARGIN}"), end="", flush=True)
        except KeyboardInterrupt:
            pass
        finally:
            if begun:
                say()
        self._note_window()
        last = self.chatbot.last
        if last is None:
            return
        if not last.written.strip():
            _note(f"{self._shown(last.partner)} says nothing")
        if last.finish_reason is None:
            _note("stopped")
        elif last.finish_reason == "length" and self.chatbot.stops:
            _note(f"cut off after {self.chatbot.max_new_tokens} tokens")

    def _opening(self) -> str:
        """What is shown before the partner's reply."""
        last = self.chatbot.last
        assert last is not None
        name = self._shown(last.partner)
        if not self.chatbot.stops:
            return f"{name}:\n{_MARGIN}"
        return f"{name}:" if self.chatbot.form.before_text else f"{name}: "

    def _shown(self, speaker: str) -> str:
        """A speaker's name as the model reads it."""
        return self.chatbot.form.written_name(speaker)

    def _note_window(self) -> None:
        last = self.chatbot.last
        if last is not None and last.left_out and not self._noted_window:
            self._noted_window = True
            _note(
                f"the model's window of {self.chatbot.engine.model.window_length} tokens has no more room for the "
                "oldest turns: it no longer reads them. /save still writes them"
            )

    def _undo(self) -> None:
        last = self.chatbot.last
        self.chatbot.undo()
        assert last is not None
        _note(f"taken back: {last.said.text}")

    def _clear(self) -> None:
        self.chatbot.clear()
        _note("a new conversation")

    def _decode(self, name: str) -> None:
        self.chatbot.use(self._strategy_named(name))
        _note(f"from now on: {name}")

    def _load(self, name: str) -> None:
        if not name:
            raise UserError("name a run, as /load ngram-top_p")
        run_id, engine, form = self._model_named(name, (self.chatbot.person, self.chatbot.partner))
        self.chatbot.load(engine, form)
        self._noted_window = False
        _note(f"from now on {run_id} answers")

    def _talk_as(self, person: str, partner: str) -> None:
        self.chatbot.talk_as(person, partner)
        _note(f"you speak as {self._shown(person)}, with {self._shown(partner)}")

    def _show_raw(self) -> None:
        text = self.chatbot.as_read()
        if text:
            say(text)
        tokens = 1 + len(self.chatbot.engine.tokenizer.encode(text))
        window = self.chatbot.engine.model.window_length
        _note(f"tokens, with the start token: {tokens}" + (f"; the model's window: {window}" if window else ""))

    def _save(self, file: str, over: bool) -> None:
        if not file:
            raise UserError("name a file to write, as /save talk.txt")
        if not self.chatbot.exchanges:
            raise UserError("there is nothing to save yet")
        text = self.chatbot.form.render(self.chatbot.transcript)
        content = encode_utf8(text if text.endswith("\n") else f"{text}\n")
        try:
            path = Path(file).expanduser()
            if path.exists() and not over:
                raise UserError(f"{path} exists already. Name another file, or overwrite it: /save! {file}")
            write_bytes(path, content)
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(f"{file} can't be written ({error}). Nothing is lost: name another file") from None
        _note(f"written: {path}")

    def _help(self) -> None:
        for name, (takes, does, _) in self._commands.items():
            say(f"  {f'/{name} {takes}':<16}{does}")
        say(f"  {'//...':<16}say something that begins with /")

    def _quit(self) -> None:
        self._is_over = True


def _note(text: str) -> None:
    """Print a message of the program, not of the model."""
    say(f"[{text}]")
