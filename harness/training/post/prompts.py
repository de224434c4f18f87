"""What stages of post-training ask a model to reply to: the assistant's turns, and sums, of the training text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.common.seeds import seed_of
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.tokenizer import Ids, Tokenizer
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import TranscriptFormat

PromptKind = Literal["conversations", "sums"]
SUM = re.compile(r"^(\d+[+\-x]\d+=)(-?\d+-?)$", re.MULTILINE)
"""A sum on a line of its own: the problem, and its answer."""
AFTER_A_SUM = "\n"


@dataclass(frozen=True)
class Asked:
    """A prompt of the training text, and what followed it there."""

    text: str
    tokens: Ids
    """Of the text."""
    target: str | None = None
    stop: tuple[str, ...] = ()
    """What ends a reply."""
    cluster: str = ""
    """The conversation that it is from, or the sum itself."""


def why_none(kind: PromptKind, corpus: Corpus, split: str = "train") -> str | None:
    """Why a split has nothing of a kind to answer, as far as the formats of its documents say, as a sentence for the
    user without its end; None where it may have."""
    documents = corpus.documents(split)
    if kind == "sums":
        if any(document.format is None and SUM.search(document.text) for document in documents):
            return None
        return (
            f"the {split} text of data={corpus.name} has no sums on lines of their own, as 12+7=19. Pick data that "
            "has, as data=arithmetic or data=mixture"
        )
    form = corpus.chat_format.name
    if any(document.format == form for document in documents):
        return None
    return (
        f"the {split} text of data={corpus.name} has no conversations in the format {form}. Pick data that has, as "
        "data=chat or data=mixture, or the format= of your own conversations"
    )


@dataclass(frozen=True)
class _Sum:
    """A place in the training text where a sum is asked."""

    problem: str
    target: str
    stop: str = AFTER_A_SUM

    @property
    def cluster(self) -> str:
        return self.problem

    def texts(self) -> Iterator[str]:
        yield self.problem


@dataclass(frozen=True)
class _Turn:
    """A place in the training text where the assistant speaks."""

    history: tuple[Turn, ...]
    target: str
    form: TranscriptFormat
    cluster: str

    @property
    def stop(self) -> str:
        return self.form.stop_text(HUMAN)

    def texts(self) -> Iterator[str]:
        """The prompt, from the longest to the shortest: each begins a turn later."""
        for begin in range(len(self.history)):
            yield self.form.open_turn(Transcript(self.history[begin:]), ASSISTANT)


class Prompts:
    """The prompts of the training text in random order, each once, and then again. They are made when they are asked
    for."""

    def __init__(
        self,
        corpus: Corpus,
        kind: PromptKind,
        max_turns: int,
        tokenizer: Tokenizer,
        most_tokens: int | None,
        seed: int,
        asks: Callable[[str], bool] = lambda cluster: True,
    ) -> None:
        """max_turns: the most turns before the assistant's. most_tokens: of a prompt; a longer conversation loses its
        first turns, and where the last turn alone is too long, it is left out. asks: whether a conversation,
        or a sum, is asked about."""
        self._tokenizer, self._most_tokens = tokenizer, most_tokens
        places = _sums(corpus) if kind == "sums" else _turns(corpus, max_turns)
        self._places = [place for place in places if asks(place.cluster)]
        rng = np.random.Generator(np.random.Philox(seed_of("prompts", seed)))
        self._order = rng.permutation(len(self._places))
        self._fitting: list[Asked] = []
        self._num_tried = 0

    def take(self, first: int, count: int) -> list[Asked]:
        """So many prompts, from this number on; after the last comes the first. None where there is none at all."""
        while len(self._fitting) < first + count and self._num_tried < len(self._order):
            asked = self._asked(self._places[self._order[self._num_tried]])
            self._num_tried += 1
            if asked is not None:
                self._fitting.append(asked)
        known = self._fitting
        return [known[number % len(known)] for number in range(first, first + count)] if known else []

    def _asked(self, place: _Sum | _Turn) -> Asked | None:
        """The longest prompt for a place that fits; None where none does."""
        for text in place.texts():
            tokens = self._tokenizer.encode(text)
            if self._most_tokens is None or len(tokens) <= self._most_tokens:
                return Asked(text, tokens, place.target, (place.stop,), place.cluster)
        return None


def _turns(corpus: Corpus, max_turns: int) -> Iterator[_Turn]:
    form = corpus.chat_format
    for document in corpus.train:
        if document.format != form.name:
            continue
        turns = form.parse(document.text).turns
        for index, turn in enumerate(turns):
            if turn.speaker == ASSISTANT and index > 0:
                yield _Turn(turns[max(0, index - max_turns) : index], turn.text, form, document.cluster)


def _sums(corpus: Corpus) -> Iterator[_Sum]:
    texts = (document.text for document in corpus.train if document.format is None)
    answers = {problem: answer for text in texts for problem, answer in SUM.findall(text)}
    for problem, answer in answers.items():
        yield _Sum(problem, answer)
