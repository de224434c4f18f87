"""Constrained decoding: the completion must match a regular expression, or be one of a list of texts.

A token is kept if the text so far with it can still be continued to a match. The end of the document is kept once the
text matches; where no other token is kept, it is the only one. A token that is part of a character is kept if it can
become a character that the pattern, or a text, contains literally. Partial matching is done by the library `regex`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import regex

from harness.common.escapes import EscapedText
from harness.common.lazy import LazyModule
from harness.completion.decoding.transform import Rows, Transform
from harness.completion.decoding.transforms import without
from harness.text.tokenizers.detokenizer import Detokenizer
from harness.text.tokenizers.tokenizer import OutsideAlphabet, Tokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")

_MAX_MASKS = 10_000


@dataclass(frozen=True)
class Constrained(Transform):
    """Only completions that match a regular expression, or are one of a list of texts."""

    looks_back = True

    pattern: str | None = None
    """A regular expression that the whole completion must match; null: only `texts` are allowed."""
    texts: list[EscapedText] = field(default_factory=list)
    """The completions allowed, where there is no pattern."""

    def __post_init__(self) -> None:
        if (self.pattern is None) == (not self.texts):
            raise ValueError("give either pattern, a regular expression, or texts, a list: one of the two, not both")
        if self.pattern is not None:
            try:
                regex.compile(self.pattern)
            except regex.error as error:
                raise ValueError(f"pattern={self.pattern!r} is not a valid regular expression: {error}") from None

    @cached_property
    def _compiled(self) -> regex.Pattern[str]:
        return regex.compile(self.pattern or "|".join(regex.escape(text) for text in self.texts))

    @cached_property
    def _spelled_out(self) -> list[str]:
        """The characters that may be written in several tokens."""
        return sorted({character for text in (self.pattern or "", *self.texts) for character in text})

    @cached_property
    def _allowed(self) -> dict[tuple[str, str, tuple[int, ...]], Tensor]:
        return {}

    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None = None) -> Tensor:
        assert rows.tokenizer is not None
        masks = []
        for tokens, begin, length in zip(rows.tokens, rows.prompt_lengths.tolist(), rows.lengths.tolist(), strict=True):
            written = Detokenizer(rows.tokenizer)
            for token in tokens[begin:length].tolist():
                written.add(token)
            key = (rows.tokenizer.fingerprint, written.settled, written.pending)
            if key not in self._allowed:
                if len(self._allowed) > _MAX_MASKS:
                    self._allowed.clear()
                self._allowed[key] = self._mask(written.settled, written.pending, rows.tokenizer)
            masks.append(self._allowed[key])
        return without(logprobs, ~torch.stack(masks).to(logprobs.device))

    def _mask(self, settled: str, pending: tuple[int, ...], tokenizer: Tokenizer) -> Tensor:
        """(V,): the tokens allowed after this text. pending: tokens of a character that isn't complete yet."""
        mask = torch.zeros(tokenizer.vocab_size, dtype=torch.bool)
        for token in range(tokenizer.vocab_size):
            text = tokenizer.decode([*pending, token])
            if text and "\N{REPLACEMENT CHARACTER}" not in text:
                mask[token] = self._can_become(settled + text)
        for character in self._spelled_out:
            try:
                tokens = tuple(tokenizer.encode(character).tolist())
            except OutsideAlphabet:  # it can't be written, and in a pattern it may stand for others, as \d
                continue
            if len(tokens) > len(pending) + 1 and tokens[: len(pending)] == pending:
                mask[tokens[len(pending)]] |= self._can_become(settled + character)
        if not pending:
            mask[tokenizer.start_token] = self._compiled.fullmatch(settled) is not None or not mask.any()
        return mask

    def _can_become(self, text: str) -> bool:
        return self._compiled.fullmatch(text, partial=True) is not None
