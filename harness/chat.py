"""The chatbot: a person and a completion engine co-author one transcript.

The person's lines go in as the human's turns; the engine goes on from the open turn of the assistant until it starts
the human's label, which is where it hands back.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.completion import Completion, Prompt, seed_of, stream
from harness.decoding import DecodingStrategy
from harness.display import visible
from harness.text.tokenizer import Tokenizer
from harness.text.transcript import ASSISTANT, HUMAN, HUMAN_ASSISTANT, Transcript
from models.language_model import LanguageModel

_HELP = "Type a line, then Enter. /quit or Ctrl-D ends, /clear begins anew."


class Chatbot:
    """One conversation with a model."""

    def __init__(
        self, model: LanguageModel, tokenizer: Tokenizer, strategy: DecodingStrategy, max_new_tokens: int, seed: int
    ) -> None:
        self.model, self.tokenizer, self.strategy = model, tokenizer, strategy
        self.max_new_tokens, self.seed = max_new_tokens, seed
        self.transcript = Transcript()

    def say(self, text: str) -> Iterator[str]:
        """The person says something; the reply comes in pieces, and joins the transcript when it has ended."""
        self.transcript = self.transcript.with_turn(HUMAN, text)
        seed = seed_of(self.seed, "chat", len(self.transcript.turns))
        prompt = Prompt(
            HUMAN_ASSISTANT.open_turn(self.transcript, ASSISTANT),
            self.max_new_tokens,
            (HUMAN_ASSISTANT.stop_text(HUMAN),),
            seed,
        )
        for piece in stream(self.model, self.tokenizer, prompt, self.strategy):
            if isinstance(piece, Completion):
                turn = HUMAN_ASSISTANT.completed_turn(ASSISTANT, piece.text)
                self.transcript = self.transcript.with_turn(turn.speaker, turn.text)
            else:
                yield piece

    def clear(self) -> None:
        """Begin anew."""
        self.transcript = Transcript()


def talk(chatbot: Chatbot) -> None:
    """The conversation in a terminal, until the person ends it."""
    print(_HELP)
    while True:
        try:
            said = input("Human: ").strip()
        except EOFError:
            print()
            return
        if said == "/quit":
            return
        if said == "/clear":
            chatbot.clear()
        elif said.startswith("/"):
            print(_HELP)
        elif said:
            print("Assistant:", end="", flush=True)
            for piece in chatbot.say(said):
                print(visible(piece), end="", flush=True)
            print()
