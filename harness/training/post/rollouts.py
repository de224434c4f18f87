"""Replies that a model writes to learn from, with their rewards and, as rows of tokens, their log-probabilities.

Shape legend: B replies, P and T tokens of the longest prompt and reply, V vocabulary size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from harness.completion.decoding.choosers import Draw
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.reward import Reply
from harness.completion.sequence import Completion, Prompt
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.post.prompts import Asked
from harness.training.spent import Spent
from harness.training.stages import Batch
from models.language_model import LanguageModel
from models.neural_model import NeuralModel

_ROWS_AT_ONCE = 64
FROM_THE_MODEL = DecodingStrategy(Draw(), at_context_limit="stop")
"""Drawn from the whole distribution, so that it is the policy's own."""


def write(
    model: LanguageModel, tokenizer: Tokenizer, asked: Sequence[Asked], max_new_tokens: int, seeds: Sequence[int]
) -> list[Reply]:
    """A reply to each prompt, in order; each has a seed of its own."""
    prompts = [
        Prompt(prompt.text, max_new_tokens, prompt.stop, seed) for prompt, seed in zip(asked, seeds, strict=True)
    ]
    completions = Engine(model, tokenizer, FROM_THE_MODEL).complete(prompts)
    return [
        Reply(prompt, completion, asked.target)
        for prompt, completion, asked in zip(prompts, completions, asked, strict=True)
    ]


def cost_of_writing(model: LanguageModel, asked: Sequence[Asked], replies: Sequence[Reply]) -> Spent:
    """What writing these replies cost, without seconds. asked: the prompt of each."""
    written = sum(len(reply.completion.tokens) for reply in replies)
    read = sum(len(prompt.tokens) for prompt in asked)
    flops = float(model.cost().flops_per_token * (read + written))
    return Spent(episodes=len(replies), written_tokens=written, read_tokens=read + written, flops=flops)


def is_cut(completion: Completion) -> bool:
    """Whether a reply ended before it handed over."""
    return completion.finish_reason != "stop"


@dataclass(frozen=True)
class Rows(Batch):
    """Replies as a batch of training: after each prompt, the reply is what is learnt. A row is padded at its end.

    Prompts of about the same length stand side by side, so that parts need little padding.
    """

    num_prompt_tokens: int = 0
    """Of all prompts together, without padding."""
    group_size: int = 1
    """So many rows that follow one another are never parted."""

    def parts(self, max_tokens: int | None, of: slice | None = None) -> Iterator[tuple[slice, Self]]:
        """At most 64 rows at once, without the columns that are padding for all of them."""
        assert self.mask is not None
        first, end = (0, len(self.inputs)) if of is None else (of.start, of.stop)
        num_columns = self.inputs.shape[1]
        most = _ROWS_AT_ONCE if max_tokens is None else min(_ROWS_AT_ONCE, max_tokens // num_columns)
        step = self.group_size * max(1, most // self.group_size)
        for begin in range(first, end, step):
            rows = slice(begin, min(end, begin + step))
            longest = int(self.mask[rows].any(0).nonzero().amax()) + 1
            cut: dict[str, Any] = {}
            for field in fields(self):
                if isinstance(value := getattr(self, field.name), Tensor):
                    cut[field.name] = value[rows, :longest] if value.dim() > 1 else value[rows]
            yield rows, replace(self, **cut, num_targets=int(cut["mask"].sum()))

    @property
    def num_computed(self) -> int:
        """Tokens of prompts and replies with the padding of the parts."""
        return sum(part.inputs.numel() for _, part in self.parts(None))

    @property
    def num_read(self) -> int:
        """Tokens of prompts and replies, without padding."""
        return self.num_prompt_tokens + self.num_targets


def rows_of(
    asked: Sequence[Asked], replies: Sequence[Reply], start_token: int, device: torch.device, group_size: int = 1
) -> Rows:
    """The rows [start token, prompt, reply], inputs and targets (B, P + T), with the mask of the reply's tokens."""
    texts = [
        np.concatenate([[start_token], prompt.tokens, np.array(reply.completion.tokens, np.int64)])
        for prompt, reply in zip(asked, replies, strict=True)
    ]
    padded = torch.full((len(texts), max(map(len, texts))), start_token)
    for row, text in enumerate(texts):
        padded[row, : len(text)] = torch.from_numpy(text)
    ends = torch.tensor([len(text) - 1 for text in texts])[:, None]
    begins = torch.tensor([len(prompt.tokens) for prompt in asked])[:, None]
    place = torch.arange(padded.shape[1] - 1)
    mask = (place >= begins) & (place < ends)
    return Rows(
        padded[:, :-1].to(device),
        padded[:, 1:].to(device),
        int(mask.sum()),
        mask.to(device),
        num_prompt_tokens=int(begins.sum()),
        group_size=group_size,
    )


def over_parts(rows: Rows, values_of: Callable[[Rows], Tensor]) -> Tensor:
    """(B, P + T, ...): the values (b, t, ...) of each part side by side, and 0 where it has no columns."""
    whole: Tensor | None = None
    for where, part in rows.parts(None):
        values = values_of(part)
        if whole is None:
            whole = values.new_zeros(*rows.inputs.shape, *values.shape[2:])
        whole[where, : values.shape[1]] = values
    assert whole is not None
    return whole


def distributions(model: NeuralModel, rows: Batch) -> Tensor:
    """(B, P + T, V): what is expected at each target, by one pass forward."""
    logits, _ = model(rows.inputs)
    logprobs: Tensor = logits.float().log_softmax(-1)
    return logprobs


def target_logprobs(logprobs: Tensor, rows: Batch) -> Tensor:
    """(B, P + T): the log-probability of each target, of distributions (B, P + T, V)."""
    return logprobs.gather(2, rows.targets[:, :, None])[:, :, 0]


def differs_most(rows: Rows, logprobs: Tensor, replies: Sequence[Reply]) -> float:
    """By how many nats a reply's token differs at most, between the pass forward and when it was written."""
    assert rows.mask is not None
    written = [logprob for reply in replies for logprob in reply.completion.logprobs]
    if not written:
        return 0.0
    difference = logprobs[rows.mask].double().cpu() - torch.tensor(written, dtype=torch.float64)
    return float(difference.abs().max()) if difference.isfinite().all() else math.inf
