"""The chatbot: a person and a completion engine co-author one transcript.

The person's line becomes a turn; the engine continues the partner's turn until it starts the person's label or ends its
turn; then the person is next. The engine reads the transcript in the run's format: the system turn, then as many of the
latest turns as leave room for a reply in the model's window. The transcript itself keeps all turns.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.common.errors import UserError
from harness.common.seeds import seed_of
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Completion, FinishReason, Prompt
from harness.text.transcript import ASSISTANT, HUMAN, SYSTEM, Transcript, Turn
from harness.text.transcript_format import TranscriptFormat

if TYPE_CHECKING:
    from harness.completion.guard.guard import Guard

MOST_NEW_TOKENS = 300
"""The limit of a reply by default, where the model's window is large enough."""


@dataclass
class Exchange:
    """A line of the person, and the model's answer."""

    said: Turn
    partner: str
    """Who answers."""
    form: TranscriptFormat
    """How the prompt and the reply are written."""
    prompt: str
    """What the engine read."""
    left_out: int
    """Turns at the beginning of the transcript that don't fit into the model's window."""
    attempt: int = 0
    """The number of earlier answers to the same line."""
    written: str = ""
    """What the engine has written so far."""
    finish_reason: FinishReason | None = None
    """None while the engine writes, and where it was interrupted."""


def check_speakers(form: TranscriptFormat, person: str, partner: str) -> None:
    """UserError for a speaker that the format doesn't have, and for one who would talk with themselves."""
    form.label(person)
    form.label(partner)
    if person == partner:
        raise UserError(f"{person} can't talk with {partner}: you and the model need names of your own.")


class Chatbot:
    """One conversation with a model."""

    def __init__(
        self,
        engine: Engine,
        form: TranscriptFormat,
        *,
        person: str = HUMAN,
        partner: str = ASSISTANT,
        system: str = "",
        max_new_tokens: int | None = None,
        stops: bool = True,
        seed: int = 0,
        guard: Guard | None = None,
    ) -> None:
        """person, partner: who speaks, by the format's names. system: what a system turn says at the beginning; '':
        there is none. max_new_tokens: of each reply; None: MOST_NEW_TOKENS, or half of the model's window if that is
        less. stops: whether a reply ends where the model hands over; otherwise it continues to its length, and the
        model writes the person's lines too. guard: refuses lines of the person; replies are the strategy's affair
        (`Guarded`).

        UserError for a speaker that the format doesn't have, and for replies as long as the model's window.
        """
        self.engine, self.form, self.stops, self.seed, self.guard = engine, form, stops, seed, guard
        self.system = (Turn(SYSTEM, system),) if system else ()
        form.render(Transcript(self.system))
        self.exchanges: list[Exchange] = []
        self.talk_as(person, partner)
        window = engine.model.window_length
        if max_new_tokens is None:
            max_new_tokens = MOST_NEW_TOKENS if window is None else max(1, min(MOST_NEW_TOKENS, window // 2))
        if window is not None and max_new_tokens > window - 2:
            raise UserError(
                f"replies of {max_new_tokens} tokens leave no room in the model's window of {window} for anything to "
                f"reply to. Ask for at most {window - 2} (--max-new-tokens)."
            )
        self.max_new_tokens = max_new_tokens

    @property
    def transcript(self) -> Transcript:
        """All that was said, including what doesn't fit into the model's window."""
        return Transcript((*self.system, *_turns(self.exchanges)))

    @property
    def last(self) -> Exchange | None:
        return self.exchanges[-1] if self.exchanges else None

    def talk_as(self, person: str, partner: str) -> None:
        """From now on `person` speaks and `partner` answers. UserError for a speaker that the format doesn't have."""
        check_speakers(self.form, person, partner)
        self.person, self.partner = person, partner

    def use(self, strategy: DecodingStrategy) -> None:
        """From now on decode by this strategy."""
        self.engine = dataclasses.replace(self.engine, strategy=strategy)

    def load(self, engine: Engine, form: TranscriptFormat) -> None:
        """From now on another model answers, in its own format; the conversation continues.

        UserError, and all stays as it was, where its format refuses what was said, or doesn't have the speakers.
        """
        before = self.engine, self.form
        self.engine, self.form = engine, form
        try:
            form.render(self.transcript)
            self.talk_as(self.person, self.partner)
        except UserError:
            self.engine, self.form = before
            raise

    def say(self, text: str) -> Iterator[str]:
        """Add the person's line; yields the reply in pieces. The pieces so far are in the transcript, even if the
        caller never takes the rest.

        UserError, and the transcript stays as it was, where the line doesn't fit into the model's window, where the
        format refuses it or the reply, where the guard refuses it, and where the decoding strategy can't be used.
        """
        if self.guard is not None and self.guard.refuses(text):
            raise UserError("the guard refuses this line, so the model doesn't read it. Say it in other words.")
        return self._exchange(self.exchanges, Turn(self.person, text), self.partner, attempt=0)

    def retry(self) -> Iterator[str]:
        """Replace the last reply by one with another seed. UserError where there is none."""
        if self.last is None:
            raise UserError("there is no reply to try again yet. Say something first.")
        last = self.last
        return self._exchange(self.exchanges[:-1], last.said, last.partner, last.attempt + 1)

    def undo(self) -> None:
        """Take back the last line and the reply to it. UserError where there is none."""
        if self.last is None:
            raise UserError("there is nothing to take back yet.")
        self.exchanges = self.exchanges[:-1]

    def clear(self) -> None:
        """Start a new conversation. The system turn stays."""
        self.exchanges = []

    def as_read(self) -> str:
        """The transcript as the completion engine sees it: what it read last, and what it wrote."""
        if self.last is None:
            return self.form.render(self.transcript)
        return self.last.prompt + self.last.written

    def _exchange(self, before: Sequence[Exchange], said: Turn, partner: str, attempt: int) -> Iterator[str]:
        earlier = self.exchanges
        prompt, left_out = self._prompt([*_turns(before), said], partner)
        exchange = Exchange(said, partner, self.form, prompt, left_out, attempt)
        self.exchanges = [*before, exchange]
        seed = seed_of(self.seed, "chat", len(before), attempt)
        stop = (self.form.stop_text(said.speaker),) if self.stops else ()
        try:
            for piece in self.engine.stream(Prompt(prompt, self.max_new_tokens, stop, seed)):
                if isinstance(piece, Completion):
                    exchange.written, exchange.finish_reason = piece.text, piece.finish_reason
                else:
                    exchange.written += piece
                    yield piece
            self._check_reply()
        except UserError:
            self.exchanges = earlier
            raise

    def _check_reply(self) -> None:
        try:
            self.form.render(self.transcript)
        except UserError as error:
            raise UserError(f"this reply is left out of the conversation: {error}") from None

    def _prompt(self, turns: Sequence[Turn], partner: str) -> tuple[str, int]:
        """The engine's prompt, and how many of the oldest turns it leaves out."""

        def prompt(left_out: int) -> str:
            return self.form.open_turn(Transcript((*self.system, *turns[left_out:])), partner)

        def num_tokens(left_out: int) -> int:
            return len(self.engine.tokenizer.encode(prompt(left_out)))

        window = self.engine.model.window_length
        if window is None:
            return prompt(0), 0
        room = window - 1 - self.max_new_tokens  # the start token takes one
        left_out = bisect.bisect_left(range(len(turns)), -room, key=lambda number: -num_tokens(number))
        if left_out == len(turns):
            raise UserError(
                f"that takes {num_tokens(left_out - 1)} tokens; the model's window of {window} has room for {room} "
                f"beside a reply of {self.max_new_tokens}. Say less, or ask for shorter replies (--max-new-tokens)."
            )
        return prompt(left_out), left_out


def _turns(exchanges: Sequence[Exchange]) -> list[Turn]:
    return [
        turn
        for exchange in exchanges
        for turn in (exchange.said, *exchange.form.reply(exchange.partner, exchange.written))
    ]
