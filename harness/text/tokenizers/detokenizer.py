"""Decodes tokens one at a time, without decoding all earlier ones again."""

from __future__ import annotations

from harness.text.tokenizers.tokenizer import Tokenizer

# A character takes at most this many tokens (four bytes of two half-bytes each).
_LONGEST_CHARACTER = 8


class Detokenizer:
    """`settled + waiting` always equals `tokenizer.decode` of all tokens so far; later tokens never change
    `settled`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._single_texts = tokenizer.single_texts
        self._pending: list[int] = []
        self.settled = ""
        self.waiting = ""
        """The text of the last few tokens, which may be the beginning of a character."""

    def add(self, token: int) -> None:
        if not self._pending:
            text = self._single_texts[token]
            if not text.endswith("�"):
                self.settled += text
                return
        self._pending = [*self._pending, token]  # a new list, since copies of this object share the old one
        text = self._tokenizer.decode(self._pending)
        if not text.endswith("�"):
            self._settle(text, 0)
            return
        self.waiting = text
        if len(self._pending) > 4 * _LONGEST_CHARACTER:
            # Bytes that aren't characters: only the last few can still become one.
            head = self._tokenizer.decode(self._pending[:-_LONGEST_CHARACTER])
            if text == head + self._tokenizer.decode(self._pending[-_LONGEST_CHARACTER:]):
                self._settle(head, _LONGEST_CHARACTER)

    def _settle(self, text: str, kept: int) -> None:
        self.settled += text
        self._pending = self._pending[len(self._pending) - kept :]
        self.waiting = self._tokenizer.decode(self._pending) if kept else ""

    @property
    def pending(self) -> tuple[int, ...]:
        """The tokens whose text is waiting."""
        return tuple(self._pending)

    @property
    def text(self) -> str:
        return self.settled + self.waiting
