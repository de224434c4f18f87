"""A model with a known answer: a Markov chain, given by its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from models.language_model import Cost, LanguageModel, ModelConfig, State


@dataclass(frozen=True)
class ChainConfig(ModelConfig):
    """No options."""

    family: ClassVar[str] = "chain"

    def build(self, vocab_size: int, start_token: int) -> TableModel:
        return TableModel(torch.zeros(vocab_size, vocab_size), start_token)


class TableState(State):
    """The last token of each row."""

    def __init__(self, table: Tensor, last: Tensor) -> None:
        self.table, self.last = table, last
        self.logprobs = table[last]

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        return type(self)(self.table, self.last[torch.as_tensor(rows, dtype=torch.int64)])


class TableModel(LanguageModel):
    """A Markov chain given by its table of logits: row a is the distribution after token a."""

    config = ChainConfig()

    def __init__(self, logits: Tensor, start_token: int) -> None:
        self.table = torch.log_softmax(logits.float(), dim=-1)
        self.vocab_size, self.start_token = logits.shape[0], start_token

    def start(self, num_rows: int = 1) -> TableState:
        return TableState(self.table, torch.full((num_rows,), self.start_token))

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, TableState)
        lengths = torch.full((len(tokens),), tokens.shape[1]) if lengths is None else lengths
        whole = torch.cat([state.last[:, None], tokens], dim=1)
        return self.table[tokens], TableState(self.table, whole.gather(1, lengths[:, None])[:, 0])

    def cost(self) -> Cost:
        return Cost(self.table.numel(), self.table.nbytes, 0, 4 * self.vocab_size + 8)

    def tensors(self) -> dict[str, Tensor]:
        return {"table": self.table}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        self.table = tensors["table"]
