"""N-grams: the next token depends on the last few, by what followed them in training (Chen and Goodman 1999).

The n-grams are a tree. Its root is the empty text, and the children of a node are the tokens that were seen after it.
Node x ends in `tokens[x]`, its children are the nodes `first_child[x]` to `first_child[x + 1] - 1`, and `logprobs[x]`
says how likely its last token is after those before it. A token that was not seen after a context has the probability
that it has after the context without its oldest token, times the context's back-off weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """p(w | context) is stored, or else backoff(context) p(w | the context without its oldest token)."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.tokens, self.first_child = weights["tokens"], weights["first_child"]
        self.logprobs, self.log_backoffs = weights["logprobs"], weights["log_backoffs"]
        self.vocab_size, self.context_length = settings["vocab_size"], settings["order"] - 1
        self.last: list[int] = []

    def node(self, ngram: list[int]) -> int | None:
        """The node of an n-gram; None where it was not seen."""
        node = 0
        for token in ngram:
            begin, end = self.first_child[node], self.first_child[node + 1]
            child = begin + int(np.searchsorted(self.tokens[begin:end], token))
            if child == end or self.tokens[child] != token:
                return None
            node = child
        return node

    def read(self, token: int) -> np.ndarray:
        """Read a token; the log-probabilities of the next one: (V,)."""
        self.last = [*self.last, token][-self.context_length :] if self.context_length else []
        contexts = [self.node(self.last[begin:]) for begin in range(len(self.last) + 1)]  # the longest first
        known = [context for context in contexts if context is not None]
        log_weights = np.cumsum([0.0, *(self.log_backoffs[context] for context in known)])
        logprobs = np.empty(self.vocab_size, np.float32)
        for context, log_weight in reversed(list(zip(known, log_weights, strict=False))):
            children = slice(self.first_child[context], self.first_child[context + 1])
            logprobs[self.tokens[children]] = self.logprobs[children] + log_weight
        return logprobs
