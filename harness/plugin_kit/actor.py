"""A model for checking evals: it writes the texts that it was taught, and else ends the document.

It is asked through the same engine and scorers as any model. It is almost certain of its next token: in a text that it
was taught, the token that comes next; anywhere else, the end of the document.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from models.language_model import Cost, LanguageModel, ModelConfig, State

# Log-probability of the token that it is sure of, above that of any other.
_ABOVE = 20.0
_LOST = -1


@dataclass(frozen=True)
class ActorConfig(ModelConfig):
    """No options."""

    family: ClassVar[str] = "actor"

    def build(self, vocab_size: int, start_token: int) -> Actor:
        return Actor(vocab_size, start_token)


class ActorState(State):
    """Each row's position in the texts that the model knows."""

    def __init__(self, actor: Actor, nodes: Sequence[int]) -> None:
        self.actor, self.nodes = actor, list(nodes)
        self.logprobs = actor.expected(self.nodes)

    def select(self, rows: Tensor | Sequence[int]) -> ActorState:
        return ActorState(self.actor, [self.nodes[int(row)] for row in rows])


class Actor(LanguageModel):
    """A tree of known texts. Each node is a token, and has the token that comes next."""

    def __init__(self, vocab_size: int, start_token: int) -> None:
        self.config = ActorConfig()
        self.vocab_size, self.start_token = vocab_size, start_token
        self.is_shy = False
        """Whether its scores don't count as probabilities."""
        self._children: list[dict[int, int]] = [{}]
        self._next: list[int | None] = [None]

    @property
    def why_no_distribution(self) -> str | None:
        return "it plays a model whose scores are no probabilities" if self.is_shy else None

    def learn(self, prompt: Iterable[int], answer: Iterable[int]) -> None:
        """Learn to write this answer after this prompt, then to end. Earlier lessons have precedence."""
        node = 0
        for token in prompt:
            node = self._child(node, int(token))
        for token in (*answer, self.start_token):
            if self._next[node] is None:
                self._next[node] = int(token)
            node = self._child(node, int(token))

    def _child(self, node: int, token: int) -> int:
        if token not in self._children[node]:
            self._children[node][token] = len(self._children)
            self._children.append({})
            self._next.append(None)
        return self._children[node][token]

    def expected(self, nodes: Sequence[int]) -> Tensor:
        """(N,) nodes to (N, V) log-probabilities."""
        sure = torch.tensor([self._at(node) for node in nodes], dtype=torch.int64)
        surest = -math.log1p((self.vocab_size - 1) * math.exp(-_ABOVE))
        return torch.full((len(nodes), self.vocab_size), surest - _ABOVE).scatter(-1, sure[:, None], surest)

    def _at(self, node: int) -> int:
        token = self._next[node] if node != _LOST else None
        return self.start_token if token is None else token

    def start(self, num_rows: int = 1) -> ActorState:
        return ActorState(self, [0] * num_rows)

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, ActorState)
        num_rows, num_tokens = tokens.shape
        read = [num_tokens] * num_rows if lengths is None else lengths.tolist()
        walks = []
        for node, row in zip(state.nodes, tokens.tolist(), strict=True):
            walk = [node]
            for token in row:
                walk.append(self._children[walk[-1]].get(token, _LOST) if walk[-1] != _LOST else _LOST)
            walks.append(walk)
        ends = [walk[length] for walk, length in zip(walks, read, strict=True)]
        after = self.expected([node for walk in walks for node in walk[1:]])
        return after.view(num_rows, num_tokens, self.vocab_size), ActorState(self, ends)

    def cost(self) -> Cost:
        size = sum(tensor.nbytes for tensor in self.tensors().values())
        return Cost(2 * len(self._children), size, 0, 4 * self.vocab_size)

    def tensors(self) -> dict[str, Tensor]:
        """The tree: (N, 2), each node's parent and token; and (N,), the token that comes next."""
        edges = [(0, 0)] * len(self._children)
        for parent, children in enumerate(self._children):
            for token, child in children.items():
                edges[child] = (parent, token)
        sure = [self._at(node) for node in range(len(self._children))]
        return {"edges": torch.tensor(edges), "sure": torch.tensor(sure)}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        edges = tensors["edges"].tolist()
        self._children = [{} for _ in edges]
        for child, (parent, token) in enumerate(edges[1:], start=1):
            self._children[parent][token] = child
        self._next = list(tensors["sure"].tolist())
