"""Perplexity: how many bits the model needs for held-out text. No decoding strategy is involved.

Each held-out document is scored whole, from its first token. Numbers come from totals, never from means of ratios
(MacKay 2003, chapter 6, on code lengths; the word and byte perplexities as lm-evaluation-harness defines them).

Two slices are of tokens rather than of documents. `position`: where in its document a token begins, in bytes, over the
same documents at every place (those of at least `curve_bytes`), so that the curve shows what more context is worth and
not which documents are long. `times_seen`: how often the token occurs in the training text, whatever part of it a
budget lets a model read.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.evaluation.eval import Eval, Material, metric
from harness.evaluation.metric import Metric
from harness.evaluation.requests import Answer, Request, Sample, Score, ScoreText
from harness.evaluation.rows import measured, measures_of, slices_of
from harness.scoring.answers import BITS_PER_NAT, Likelihood, TokenScores
from harness.statistics.derived import mapped
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import ratio_of_totals
from harness.text.data.corpus import Corpus
from harness.text.data.token_stream import token_stream
from harness.text.tokenizers.token_sizes import token_sizes
from harness.text.tokenizers.tokenizer import Ids, Tokenizer
from harness.text.utf8 import encode_utf8

Flags = NDArray[np.bool_]
_FIRST_PLACES = 16


@dataclass(frozen=True)
class Perplexity(Eval):
    """Options of the perplexity eval."""

    name: ClassVar[str] = "perplexity"
    version: ClassVar[int] = 2
    uses_decoding: ClassVar[bool] = False
    why_no_samples: ClassVar[str] = "the data set has no test documents"

    max_documents: int | None = None
    """Score only the first so many test documents; None: all."""
    curve_bytes: int = 2048
    """How far into a document the curve by position goes; it rests on the documents of at least that length. 16 or
    more."""

    def __post_init__(self) -> None:
        if self.max_documents is not None and self.max_documents < 1:
            raise ValueError(
                f"max_documents={self.max_documents} is not allowed: it must be 1 or more, or null for all"
            )
        if self.curve_bytes < _FIRST_PLACES:
            raise ValueError(f"curve_bytes={self.curve_bytes} is not allowed: it must be {_FIRST_PLACES} or more")

    def samples(self, material: Material) -> Iterable[Sample]:
        for document in material.corpus.test[: self.max_documents]:
            yield Sample(document.id, document.text, cluster=document.cluster, slices={"source": document.source})

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [ScoreText(sample.prompt)]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        [answer] = answers
        assert isinstance(answer, Likelihood)
        num_bytes = len(encode_utf8(sample.prompt))
        values = {
            "bits_per_byte": None if answer.nats is None else answer.nats * BITS_PER_NAT / num_bytes,
            "num_chars": len(sample.prompt),
            "num_words": len(re.split(r"\s+", sample.prompt)),  # as lm-evaluation-harness counts words
        }
        if answer.by_token is not None:
            values["context_tokens"] = int(answer.by_token.num_context_tokens.sum())
            values |= self._parts(sample.prompt, answer.by_token, material)
        return Score(values, nats=answer.nats, num_tokens=answer.num_tokens, num_bytes=num_bytes)

    def _parts(self, text: str, scores: TokenScores, material: Material) -> dict[str, float]:
        """What of a document belongs to each slice of tokens, as 'nats@times_seen=10-99'."""
        tokens = material.tokenizer.encode(text)
        sizes = token_sizes(material.tokenizer, text, tokens)
        counts = training_counts(material.corpus, material.tokenizer)[tokens]
        slices = dict(_buckets("times_seen", counts, 1, 10))
        if sizes.sum() >= self.curve_bytes:
            slices |= _buckets("position", np.cumsum(sizes) - sizes, _FIRST_PLACES, 2, self.curve_bytes)
        found: dict[str, float] = {}
        for name, chosen in slices.items():
            found |= {
                f"nats@{name}": math.fsum(scores.nats[chosen]),
                f"bytes@{name}": int(sizes[chosen].sum()),
                f"tokens@{name}": int(chosen.sum()),
                f"context_tokens@{name}": int(scores.num_context_tokens[chosen].sum()),
            }
        return found

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        found = []
        for name, part in slices_of(rows):
            sizes = {
                "byte": part["num_bytes"].to_numpy(dtype=float),
                "char": measured(part, "num_chars").to_numpy(),
                "token": part["num_tokens"].to_numpy(dtype=float),
                "word": measured(part, "num_words").to_numpy(),
            }
            context = measured(part, "context_tokens").to_numpy()
            found += list(self._of_slice(name, part, part["nats"].to_numpy(), sizes, context))
        of_tokens = [key.removeprefix("nats@") for key in measures_of(rows) if key.startswith("nats@")]
        for name in sorted(of_tokens, key=_beginning):
            part = rows[measured(rows, f"nats@{name}").notna()]
            nats, num_bytes, num_tokens, context = (
                measured(part, f"{total}@{name}").to_numpy() for total in ("nats", "bytes", "tokens", "context_tokens")
            )
            found += list(self._of_slice(name, part, nats, {"byte": num_bytes, "token": num_tokens}, context))
        return found

    def _of_slice(
        self, name: str, part: pd.DataFrame, nats: np.ndarray, sizes: dict[str, np.ndarray], context: np.ndarray
    ) -> Iterator[Metric]:
        """The measures of a slice from the totals of its documents: nats, sizes by unit, and tokens of context."""
        clusters = part["cluster"].to_numpy()
        per = {unit: ratio_of_totals(nats, size, clusters, BITS_PER_NAT) for unit, size in sizes.items()}
        if refused := np.isnan(nats).sum():
            # The rest would be the documents that the model likes.
            reason = f"the model gives {refused} of {len(part)} documents no probability"
            per = dict.fromkeys(sizes, Estimate(None, 0, len(part), reason=reason))
        # What guessing scores says nothing of tokens of one kind.
        chance = 8.0 if "char" in per else None
        yield metric(self, "bits_per_byte", per["byte"], "bits/byte", False, name, chance=chance)
        if "char" in per:
            yield metric(self, "bits_per_char", per["char"], "bits/char", False, name)
        for unit in ("token", "word", "byte"):
            if unit in per:
                yield metric(self, f"{unit}_perplexity", _perplexity(per[unit]), f"per {unit}", False, name)
        ratio = mapped(per["byte"], lambda bits: 8 / bits, "nothing to divide by: no bits were needed")
        yield metric(self, "compression_ratio", ratio, "bytes/byte", True, name)
        yield metric(self, "context_tokens", ratio_of_totals(context, sizes["token"], clusters), "tokens", None, name)


@functools.lru_cache(maxsize=2)
def training_counts(corpus: Corpus, tokenizer: Tokenizer) -> Ids:
    """(V,): how often each token occurs in the training text."""
    return np.bincount(token_stream(corpus, "train", tokenizer), minlength=tokenizer.vocab_size)


def _buckets(name: str, numbers: Ids, first: int, factor: int, end: int | None = None) -> Iterator[tuple[str, Flags]]:
    """Where numbers (N,) lie in each bucket that holds some of them: 0 to first - 1, to first x factor - 1, and so on.

    Named as 'times_seen=10-99'. end: numbers from there up are in none.
    """
    low, high = 0, first
    stop = int(numbers.max(initial=-1)) + 1 if end is None else end
    while low < stop:
        high = high if end is None else min(high, end)
        chosen = (numbers >= low) & (numbers < high)
        if chosen.any():
            yield f"{name}={low}-{high - 1}" if high - 1 > low else f"{name}={low}", chosen
        low, high = high, high * factor


def _beginning(name: str) -> tuple[str, int]:
    """'times_seen=10-99' as ('times_seen', 10), to sort by."""
    what, _, numbers = name.partition("=")
    return what, int(numbers.partition("-")[0])


def _perplexity(bits: Estimate) -> Estimate:
    """2 ** bits, from bits a unit; a word's may be beyond what a float holds."""
    return mapped(bits, lambda bits: 2**bits, f"2 ** {bits.value or 0:.0f} is too large to write down")
