"""One sequence while it is being written: its tokens, the part of its text that is final, and where it stops."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.common.errors import UserError
from harness.text.tokenizers.detokenizer import Detokenizer
from harness.text.tokenizers.tokenizer import Tokenizer

FinishReason = Literal["stop", "length", "context"]


@dataclass(frozen=True)
class Prompt:
    """A request for one completion."""

    text: str
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    """The completion ends before the first of these texts that is complete in it, even if that begins in the prompt;
    none may be empty."""
    seed: int = 0
    """Of this sequence's random numbers."""

    def __post_init__(self) -> None:
        """UserError where it can't be answered."""
        if not isinstance(self.text, str):
            raise UserError(f"the prompt is {self.text!r} ({type(self.text).__name__}): it must be a text.")
        if not isinstance(self.max_new_tokens, int) or self.max_new_tokens < 0:
            raise UserError(f"max_new_tokens={self.max_new_tokens!r} is not allowed: a whole number, 0 or more.")
        if not all(self.stop):
            raise UserError("a stop text is empty: it would stop everything. Leave it out.")


@dataclass(frozen=True)
class Completion:
    """What a model wrote after a prompt."""

    text: str
    """Without the stop text."""
    tokens: tuple[int, ...]
    """Every token that was chosen, including those of the stop text."""
    logprobs: tuple[float, ...]
    """Natural logarithm of each chosen token's probability under the model."""
    sampler_logprobs: tuple[float, ...]
    """The same under the decoding strategy's distribution."""
    finish_reason: FinishReason
    """'stop' (a stop text, or the model ended the document), 'length', or 'context' (the model's window is full)."""
    stop_text: str | None
    """The stop text that was met; None where the model ended the document or it stopped for another reason."""


class Writing:
    """A sequence being written. `add` a token at a time until `finish_reason` is set."""

    def __init__(self, prompt: Prompt, tokenizer: Tokenizer, room: int | None = None) -> None:
        """room: the number of tokens that fit into a window that may not slide; None: any number."""
        self.prompt = prompt
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.sampler_logprobs: list[float] = []
        self.stop_text: str | None = None
        self._room = room
        self.finish_reason: FinishReason | None = self._ended()
        self._start_token = tokenizer.start_token
        self._detokenizer = Detokenizer(tokenizer)
        self._random = np.random.Generator(np.random.Philox(prompt.seed))
        self._stops = StopFinder(prompt.stop, prompt.text)
        self._cut: int | None = None

    def fork(self) -> Writing:
        """An independent copy, except that both share the random generator."""
        forked = copy.copy(self)
        forked.tokens, forked.logprobs = self.tokens.copy(), self.logprobs.copy()
        forked.sampler_logprobs = self.sampler_logprobs.copy()
        forked._detokenizer, forked._stops = copy.copy(self._detokenizer), copy.copy(self._stops)
        return forked

    def uniform(self) -> float:
        """This sequence's next random number, in [0, 1)."""
        return float(self._random.random())

    def add(self, token: int, logprob: float, sampler_logprob: float) -> None:
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.sampler_logprobs.append(sampler_logprob)
        if token == self._start_token:
            self.finish_reason = "stop"
            return
        self._detokenizer.add(token)
        met = self._stops.find(self._detokenizer.text) if self.prompt.stop else None
        if met is not None:
            self._cut, self.stop_text = met
            self.finish_reason = "stop"
        else:
            self.finish_reason = self._ended()

    def _ended(self) -> FinishReason | None:
        if len(self.tokens) >= self.prompt.max_new_tokens:
            return "length"
        return "context" if self._room is not None and len(self.tokens) >= self._room else None

    @property
    def text(self) -> str:
        """All text so far, without the stop text."""
        return self._detokenizer.text if self._cut is None else self._detokenizer.text[: self._cut]

    def certain_length(self) -> int:
        """The number of characters that are final: all but a possible beginning of a stop text, or of a character of
        which some bytes are still missing."""
        if self.finish_reason is not None:
            return len(self.text)
        return self._stops.safe_length(self._detokenizer.settled)

    def completion(self) -> Completion:
        assert self.finish_reason is not None
        return Completion(
            text=self.text,
            tokens=tuple(self.tokens),
            logprobs=tuple(self.logprobs),
            sampler_logprobs=tuple(self.sampler_logprobs),
            finish_reason=self.finish_reason,
            stop_text=self.stop_text,
        )


class StopFinder:
    """Finds the first stop text to end in a growing text; it may begin in the prompt."""

    def __init__(self, stops: Sequence[str], before: str) -> None:
        self._stops = stops
        longest = max(map(len, stops), default=1)
        self._before = before[len(before) - (longest - 1) :] if longest > 1 else ""
        self._longest = longest
        self._searched = 0

    def find(self, text: str) -> tuple[int, str] | None:
        """(where to cut the text, the stop text), once one has ended in it. Of several that end at the same
        position, the longest."""
        if not self._stops:
            return None
        searched_text = self._before + text
        # The text that was searched before has no stop text; a new one ends later.
        begin = max(0, len(self._before) + self._searched - self._longest + 1)
        matches = [
            (start + len(stop), -len(stop), stop)
            for stop in self._stops
            if (start := self._first(searched_text, stop, begin)) is not None
        ]
        self._searched = len(text.rstrip("�"))
        if not matches:
            return None
        end, _, stop = min(matches)
        return max(0, end - len(stop) - len(self._before)), stop

    def _first(self, searched_text: str, stop: str, begin: int) -> int | None:
        start = searched_text.find(stop, begin)
        # A stop text that ends within the prompt doesn't count.
        while 0 <= start <= len(self._before) - len(stop):
            start = searched_text.find(stop, start + 1)
        return None if start < 0 else start

    def safe_length(self, text: str) -> int:
        """The number of characters of a text before any stop text that has begun but not ended in it."""
        searched_text = self._before + text
        begun = 0
        for stop in self._stops:
            longest = min(len(stop) - 1, len(searched_text))
            begun = max(begun, next((size for size in range(longest, 0, -1) if searched_text.endswith(stop[:size])), 0))
        return max(0, len(text) - begun)
