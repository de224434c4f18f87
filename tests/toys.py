"""Small models with known answers, for the tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from harness.plugin_kit.chain import ChainConfig
from harness.plugin_kit.chain import TableModel as TableModel
from harness.plugin_kit.chain import TableState as TableState
from harness.text.tokenizers.tokenizer import Ids, Tokenizer, canonical_json
from models.language_model import Cost, LanguageModel, State


class ScriptedState(State):
    def __init__(self, model: ScriptedModel, read: list[list[int]]) -> None:
        self.model, self.tokens = model, read
        self.logprobs = torch.zeros(len(read), model.vocab_size)
        for row, tokens in enumerate(read):
            self.logprobs[row] = model.expected(tokens)

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        return type(self)(self.model, [self.tokens[row] for row in torch.as_tensor(rows).tolist()])


class ScriptedModel(LanguageModel):
    """Knows what comes after each text: `script` gives all of the rest, or the characters that may come next,
    each as likely, or each with its probability. The empty text ends the document; an empty set gives no probability to
    anything."""

    config = ChainConfig()

    def __init__(
        self,
        tokenizer: Tokenizer,
        script: Callable[[str], str | set[str] | Mapping[str, float]],
        window: int | None = None,
    ) -> None:
        self.tokenizer, self.script, self.window = tokenizer, script, window
        self.vocab_size, self.start_token = tokenizer.vocab_size, tokenizer.start_token

    @property
    def window_length(self) -> int | None:
        return self.window

    def expected(self, tokens: list[int]) -> Tensor:
        rest = self.script(self.tokenizer.decode(tokens))
        if isinstance(rest, str):
            rest = {rest}
        shares = rest if isinstance(rest, Mapping) else dict.fromkeys(rest, 1 / max(1, len(rest)))
        expected = torch.full((self.vocab_size,), -math.inf)
        for text, share in shares.items():
            expected[int(self.tokenizer.encode(text)[0]) if text else self.start_token] = math.log(share)
        return expected

    def start(self, num_rows: int = 1) -> ScriptedState:
        return ScriptedState(self, [[]] * num_rows)

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, ScriptedState)
        sizes = [tokens.shape[1]] * len(tokens) if lengths is None else lengths.tolist()
        more = [row[:size].tolist() for row, size in zip(tokens, sizes, strict=True)]
        logprobs = torch.zeros(*tokens.shape, self.vocab_size)
        for row, (had, new) in enumerate(zip(state.tokens, more, strict=True)):
            for place in range(len(new)):
                logprobs[row, place] = self.expected(had + new[: place + 1])
        return logprobs, ScriptedState(self, [had + new for had, new in zip(state.tokens, more, strict=True)])

    def cost(self) -> Cost:
        return Cost(0, 0, 0, 0)

    def tensors(self) -> dict[str, Tensor]:
        return {}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        assert not tensors


class LetterTokenizer(Tokenizer):
    """The first few letters of the alphabet, one token each, and the start token after them."""

    def __init__(self, num_letters: int) -> None:
        self.start_token, self.vocab_size, self.label_tokens = num_letters, num_letters + 1, {}

    def encode(self, text: str) -> Ids:
        return np.array([ord(letter) - ord("a") for letter in text], dtype=np.int64)

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        return "".join(chr(ord("a") + int(token)) for token in tokens if token != self.start_token)

    def to_json(self) -> str:
        return canonical_json({"kind": "letters", "num_letters": self.start_token})
