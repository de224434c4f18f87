"""Nothing but what a pattern allows: a regular expression, or one of a list of texts.

A token stays if what was written so far, and its text, can still become something that the pattern matches; the end of
the document stays once the pattern matches, and where nothing else does it is all that stays. A token that is
a part of a character stays if it can become one that the pattern, or a text, spells out. Partial matching is the
library `regex`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import regex
import torch
from torch import Tensor

from harness.completion.decoding.transform import Rows, Transform
from harness.completion.decoding.transforms import without
from harness.text.tokenizers.detokenizer import Detokenizer
from harness.text.tokenizers.tokenizer import Tokenizer

_KEPT = 10_000


@dataclass(frozen=True)
class Constrained(Transform):
    """Only what matches a regular expression, or is one of some texts."""

    looks_back = True

    pattern: str | None = None
    """A regular expression that the whole completion must match; null: `texts` says what is allowed."""
    texts: list[str] = field(default_factory=list)
    """The completions that are allowed, where there is no pattern."""

    def __post_init__(self) -> None:
        if (self.pattern is None) == (not self.texts):
            raise ValueError("give either pattern, a regular expression, or texts, a list; not both and not none")
        if self.pattern is not None:
            try:
                regex.compile(self.pattern)
            except regex.error as error:
                raise ValueError(f"pattern={self.pattern!r} is no regular expression: {error}") from None

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
                if len(self._allowed) > _KEPT:
                    self._allowed.clear()
                self._allowed[key] = self._mask(written.settled, written.pending, rows.tokenizer)
            masks.append(self._allowed[key])
        return without(logprobs, ~torch.stack(masks).to(logprobs.device))

    def _mask(self, settled: str, pending: tuple[int, ...], tokenizer: Tokenizer) -> Tensor:
        """(V,): which tokens may follow this text and `pending`, the beginning of a character."""
        mask = torch.zeros(tokenizer.vocab_size, dtype=torch.bool)
        for token in range(tokenizer.vocab_size):
            text = tokenizer.decode([*pending, token])
            if text and "\N{REPLACEMENT CHARACTER}" not in text:
                mask[token] = self._can_become(settled + text)
        for character in self._spelled_out:
            tokens = tuple(tokenizer.encode(character).tolist())
            if len(tokens) > len(pending) + 1 and tokens[: len(pending)] == pending:
                mask[tokens[len(pending)]] |= self._can_become(settled + character)
        if not pending:
            mask[tokenizer.start_token] = self._compiled.fullmatch(settled) is not None or not mask.any()
        return mask

    def _can_become(self, text: str) -> bool:
        return self._compiled.fullmatch(text, partial=True) is not None
