"""Random distributions and rows of tokens to decode."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.completion.decoding.transform import Rows

VOCAB = 50


def random_logprobs(seed: int, ties: bool = False, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(64, VOCAB, generator=generator) * scale
    return torch.log_softmax(logits.round() if ties else logits, dim=-1)


def random_rows(seed: int, length: int = 40, few: int = 6, num_rows: int = 64) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, few, (num_rows, length), generator=generator)
    return Rows(tokens, torch.full((num_rows,), length), torch.full((num_rows,), length // 2))


NO_ROWS = random_rows(0, 0)


def assert_same_distribution(ours: Tensor, logits: Tensor) -> None:
    torch.testing.assert_close(ours.exp(), torch.softmax(logits, dim=-1), atol=1e-6, rtol=0)
    assert torch.equal(ours == -torch.inf, logits == -torch.inf)
