"""What a fit has spent, how it is validated, and the rows of its curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.scoring.answers import BITS_PER_NAT
from harness.scoring.likelihood import document_logprobs, likelihood, nats
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.spent import Spent
from models.checks import Impossible
from models.language_model import LanguageModel, NeuralModelConfig

_ROUNDING = 1e-4
_CHECKED_TOKENS = 64
# Of the logarithm of the sum of a distribution, from 0.
_LARGEST_EXCESS = 1e-3


@dataclass(frozen=True)
class Validation:
    """The text that checkpoints are chosen by, as tokens."""

    documents: Sequence[np.ndarray]
    num_bytes: int
    """Of the tokens that are scored."""
    masks: Sequence[np.ndarray] | None = None
    """For each document which of its tokens are scored, (N,) bool each; None: all of all."""

    def as_tensors(self) -> list[Tensor]:
        return [torch.from_numpy(document) for document in self.documents]

    def bits_per_byte(self, model: LanguageModel) -> float:
        """NaN where the model's scores aren't probabilities, or one of them is zero."""
        scored = document_logprobs(model, self.documents)
        if self.masks is not None:
            scored = [logprobs[mask] for logprobs, mask in zip(scored, self.masks, strict=True)]
        total = sum(map(nats, scored))
        total_nats = likelihood(model, total, 0).nats
        return math.nan if total_nats is None else total_nats * BITS_PER_NAT / self.num_bytes

    @torch.no_grad()
    def check_distributions(self, model: LanguageModel) -> None:
        """Raise Impossible where a model's probabilities don't sum to one on the beginning of the text: its scores
        would win every comparison without meaning anything. What isn't finite is left to `notes_on_end`."""
        if model.why_no_distribution is not None:
            return
        tokens = torch.from_numpy(self.documents[0][:_CHECKED_TOKENS].astype(np.int64))[None]
        sums = model.logprobs(tokens).double().logsumexp(-1)[0]
        wrong = (sums.isfinite() & (sums.abs() > _LARGEST_EXCESS)).nonzero()
        if len(wrong):
            place = int(wrong[0])
            raise Impossible(
                f"model={model.config.family} gives no probabilities: after {place} tokens of validation text they sum "
                f"to {float(sums[place].exp()):.4g}, not to 1, so its scores mean nothing. A model must return "
                f"log-probabilities, as from torch.log_softmax. `bakeoff check model {model.config.family}` says more."
            )

    def uniform_bits_per_byte(self, vocab_size: int) -> float:
        """What a model costs that gives every token the same probability."""
        num_tokens = sum(map(len, self.documents)) if self.masks is None else sum(mask.sum() for mask in self.masks)
        return num_tokens * math.log2(vocab_size) / self.num_bytes


def validation_text(corpus: Corpus, tokenizer: Tokenizer, max_bytes: int) -> Validation:
    """The first validation documents, up to about this many bytes."""
    documents, num_bytes = [], 0
    for document in corpus.validation:
        documents.append(np.asarray(tokenizer.encode(document.text), dtype=np.int64))
        num_bytes += document.num_bytes
        if num_bytes >= max_bytes:
            break
    return Validation(documents, num_bytes)


def notes_on_end(model: LanguageModel, validation: Validation, curve: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a user should know of how a fit ended: that validation text has no finite probability, or costs more than
    without any model; a sentence each. curve: the rows, the last with a validation."""
    if model.why_no_distribution is not None:
        return []
    last = curve[-1]["validation_bits_per_byte"]
    uniform = validation.uniform_bits_per_byte(model.vocab_size)
    if not math.isfinite(last):
        what = "at the end of the fit validation text has no finite probability"
    elif last > uniform * (1 + _ROUNDING):
        what = (
            f"at the end of the fit validation text costs {last:,.4g} bits a byte, more than the {uniform:.4g} of a "
            "uniform model, which knows nothing"
        )
    else:
        return []
    if isinstance(model.config, NeuralModelConfig) and curve[-1]["tokens"]:  # else it came with its weights
        what += (
            ". Training diverged or has hardly begun: lower model.learning_rate (now "
            f"{model.config.learning_rate:g}) or give it a larger budget"
        )
    return [what]


def curve_row(spent: Spent, **measured: float) -> dict[str, Any]:
    missing = dict.fromkeys(("train_loss_nats", "validation_bits_per_byte", "learning_rate"), math.nan)
    tokens_per_second = spent.tokens / spent.seconds if spent.seconds else math.nan
    return {
        "step": spent.steps,
        "tokens": spent.tokens,
        "flops": spent.flops,
        "seconds": spent.seconds,
        **missing,
        "tokens_per_second": tokens_per_second,
        **measured,
    }
