"""Perplexity: how many bits the model needs for held-out text. No decoding strategy is involved.

Each held-out document is scored whole, from its first token. Numbers come from totals, never from means of ratios
(MacKay 2003, chapter 6, on code lengths; the word and byte perplexities as lm-evaluation-harness defines them).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from harness.evaluation import (
    Answer,
    Eval,
    Likelihood,
    Material,
    Request,
    Sample,
    Score,
    ScoreText,
    measured,
    metric,
    slices_of,
)
from harness.record import Metric
from harness.statistics import Estimate, ratio_of_totals
from harness.text.corpus import encode_utf8

BITS_PER_NAT = 1 / math.log(2)


@dataclass(frozen=True)
class Perplexity(Eval):
    """Options of the perplexity eval."""

    name: ClassVar[str] = "perplexity"
    version: ClassVar[int] = 1
    uses_decoding: ClassVar[bool] = False
    why_no_samples: ClassVar[str] = "the data set has no test documents"

    max_documents: int | None = None
    """Score only the first so many test documents; None: all."""

    def __post_init__(self) -> None:
        if self.max_documents is not None and self.max_documents < 1:
            raise ValueError(
                f"max_documents={self.max_documents} is not allowed: it must be 1 or more, or null for all"
            )

    def samples(self, material: Material) -> Iterable[Sample]:
        for document in material.corpus.test[: self.max_documents]:
            yield Sample(document.id, document.text, cluster=document.cluster, slices={"source": document.source})

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [ScoreText(sample.prompt)]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        [answer] = answers
        assert isinstance(answer, Likelihood)
        num_bytes = len(encode_utf8(sample.prompt))
        return Score(
            values={
                "bits_per_byte": None if answer.nats is None else answer.nats * BITS_PER_NAT / num_bytes,
                "num_chars": len(sample.prompt),
                "num_words": len(re.split(r"\s+", sample.prompt)),  # as lm-evaluation-harness counts words
            },
            nats=answer.nats,
            num_tokens=answer.num_tokens,
            num_bytes=num_bytes,
        )

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        found = []
        for name, part in slices_of(rows):
            nats, clusters = part["nats"].to_numpy(), part["cluster"].to_numpy()
            sizes = {
                "byte": part["num_bytes"].to_numpy(dtype=float),
                "char": measured(part, "num_chars").to_numpy(),
                "token": part["num_tokens"].to_numpy(dtype=float),
                "word": measured(part, "num_words").to_numpy(),
            }
            per = {unit: ratio_of_totals(nats, size, clusters, BITS_PER_NAT) for unit, size in sizes.items()}
            if refused := part["nats"].isna().sum():
                # The rest would be the documents that the model likes.
                reason = f"the model gives {refused} of {len(part)} documents no probability"
                per = dict.fromkeys(sizes, Estimate(None, 0, len(part), reason=reason))
            found += [
                metric(self, "bits_per_byte", per["byte"], "bits/byte", False, name, chance=8.0),
                metric(self, "bits_per_char", per["char"], "bits/char", False, name),
                *(
                    metric(self, f"{unit}_perplexity", _power(per[unit]), f"per {unit}", False, name)
                    for unit in ("token", "word", "byte")
                ),
                metric(self, "compression_ratio", _inverse(per["byte"], 8.0), "bytes/byte", True, name),
            ]
        return found


def _power(bits: Estimate) -> Estimate:
    """2 ** bits: a perplexity from bits a unit; a word's may be beyond what a float holds."""
    if bits.value is None:
        return bits
    if max(bits.value, bits.ci_high or 0.0) > 1000:
        return Estimate(None, bits.n, bits.n_total, reason=f"2 ** {bits.value:.0f} is too large to write down")
    return _mapped(bits, 2**bits.value, *(None if end is None else 2**end for end in (bits.ci_low, bits.ci_high)))


def _inverse(bits: Estimate, top: float) -> Estimate:
    """top / bits; a model that needs no bits at all has no ratio."""
    if bits.value is None:
        return bits
    if not min(bits.value, bits.ci_low if bits.ci_low is not None else bits.value) > 0:
        return Estimate(None, bits.n, bits.n_total, reason="nothing to divide by: no bits were needed")
    return _mapped(bits, top / bits.value, *(None if end is None else top / end for end in (bits.ci_high, bits.ci_low)))


def _mapped(source: Estimate, value: float, low: float | None, high: float | None) -> Estimate:
    """A monotone function of an estimate: its interval's ends are mapped, its standard error isn't known."""
    return dataclasses.replace(source, value=value, stderr=None, ci_low=low, ci_high=high)
