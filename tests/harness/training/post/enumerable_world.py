"""A world in which every reply can be listed, so that the optimum of post-training is known.

Replies are up to four of the letters a, b, c; one of fewer ends with the end token. That makes 121 replies, and 40
beginnings after which a token is drawn. A reward r of each reply and a reference p_ref are given, and

    J(p) = E_p[r] - beta KL(p || p_ref)

is greatest at p*(y) = p_ref(y) exp(r(y) / beta) / Z, where it is beta log Z (Rafailov et al. 2023, appendix A.1). A
policy is a table of logits after each beginning, so it can be p* exactly.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

NUM_LETTERS, LONGEST = 3, 4
END = NUM_LETTERS
BEGINNINGS = [text for length in range(LONGEST) for text in itertools.product(range(NUM_LETTERS), repeat=length)]
REPLIES = [
    *((*text, END) for text in BEGINNINGS),
    *itertools.product(range(NUM_LETTERS), repeat=LONGEST),
]


@dataclass(frozen=True, eq=False)
class World:
    """R replies, C beginnings, V tokens, T tokens of the longest reply. Everything is float64."""

    reference: Tensor
    """(C, V): log-probabilities."""
    reward: Tensor
    """(R,)."""
    beta: float
    contexts: Tensor
    """(R, T): the beginning before each token of a reply."""
    tokens: Tensor
    """(R, T)."""
    mask: Tensor
    """(R, T): which tokens there are."""

    def token_logprobs(self, policy: Tensor, replies: Tensor | None = None) -> Tensor:
        """(..., T), 0 past a reply's end. policy: (C, V) logits. replies: (...,) indices; None: all."""
        index = torch.arange(len(self.reward)) if replies is None else replies
        logprobs = policy.log_softmax(-1)[self.contexts[index], self.tokens[index]]
        return logprobs * self.mask[index]

    def logprobs(self, policy: Tensor) -> Tensor:
        """(R,) of whole replies."""
        return self.token_logprobs(policy).sum(1)

    @property
    def optimum(self) -> Tensor:
        """(R,): log p* of each reply."""
        return (self.logprobs(self.reference) + self.reward / self.beta).log_softmax(0)

    @property
    def greatest(self) -> Tensor:
        """beta log Z."""
        return self.beta * (self.logprobs(self.reference) + self.reward / self.beta).logsumexp(0)

    def objective(self, policy: Tensor) -> Tensor:
        """J."""
        logprobs = self.logprobs(policy)
        kl = logprobs - self.logprobs(self.reference)
        return (logprobs.exp() * (self.reward - self.beta * kl)).sum()

    def distance(self, policy: Tensor) -> float:
        """The total variation between a policy and p*."""
        return float((self.logprobs(policy).exp() - self.optimum.exp()).abs().sum() / 2)

    def draw(self, policy: Tensor, *shape: int) -> Tensor:
        """Indices of replies of a policy."""
        probabilities = self.logprobs(policy).detach().exp()
        count = int(torch.tensor(shape).prod())
        return torch.multinomial(probabilities, count, replacement=True).view(shape)

    def counted(self, replies: Tensor, weights: Tensor) -> Tensor:
        """(C, V): the policy whose probabilities are weighted counts of replies; the reference where nothing was
        counted. replies, weights: (N,)."""
        counts, mask = torch.zeros_like(self.reference), self.mask[replies]
        each = weights[:, None].expand(-1, LONGEST)[mask]
        counts.index_put_((self.contexts[replies][mask], self.tokens[replies][mask]), each, True)
        totals = counts.sum(1, keepdim=True)
        return torch.where(totals > 0, counts / totals, self.reference.exp()).log()


def world(seed: int = 1, beta: float = 0.5) -> World:
    """A random reference and a random reward; with the default seed KL(p* || p_ref) is 0.59 nats."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    index = {text: number for number, text in enumerate(BEGINNINGS)}
    contexts, tokens, mask = (torch.zeros(len(REPLIES), LONGEST, dtype=torch.int64) for _ in range(3))
    for row, reply in enumerate(REPLIES):
        for place, token in enumerate(reply):
            contexts[row, place], tokens[row, place], mask[row, place] = index[reply[:place]], token, 1
    reference = (0.5 * normal(len(BEGINNINGS), NUM_LETTERS + 1)).log_softmax(-1)
    return World(reference, 0.6 * normal(len(REPLIES)), beta, contexts, tokens, mask.bool())


def look_ahead(of: World, rewards: Tensor, ends: Tensor) -> Tensor:
    """(C, V): log p* of each token, where the reward is a sum over tokens, by a backward recursion (Todorov 2006).

    rewards: (C, V), of a token after a beginning. ends: (R,), added at a reply's end.
    z(h) = sum over tokens w of p_ref(w | h) exp(r(h, w) / beta) z(h w), and p*(w | h) is one summand's share.
    """
    index = {text: number for number, text in enumerate(BEGINNINGS)}
    of_reply = {reply: number for number, reply in enumerate(REPLIES)}
    summands = torch.zeros_like(of.reference)
    for number in reversed(range(len(BEGINNINGS))):  # the longest first
        text = BEGINNINGS[number]
        for token in range(NUM_LETTERS + 1):
            after = (*text, token)
            later = summands[index[after]].logsumexp(0) if after in index else ends[of_reply[after]] / of.beta
            summands[number, token] = of.reference[number, token] + rewards[number, token] / of.beta + later
    return summands.log_softmax(-1)
