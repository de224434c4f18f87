"""Perplexity: how many bits the model needs for held-out text. No decoding strategy is involved.

Each held-out document is scored as a whole, from its first token. Results come from totals, never from means of ratios
(MacKay 2003, chapter 6, on code lengths). Word and byte perplexities are defined as in lm-evaluation-harness.

Two slices group tokens instead of documents. `position`: where in its document a token begins, in bytes. Every position
uses the same documents (those of at least `curve_bytes`), so the curve shows the worth of context, not differences
between documents. `times_seen`: how often the token occurs in the training text, including parts that the budget didn't
let the model read.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.common.options import check_least
from harness.common.plurals import many
from harness.evaluation.eval import Eval, Material, metric_of
from harness.evaluation.metric import Formula, Metric
from harness.evaluation.requests import Answer, Request, Sample, Score, ScoreText
from harness.evaluation.rows import estimated, measures_of, slices_of
from harness.scoring.answers import BITS_PER_NAT, Likelihood, TokenScores
from harness.statistics.derived import mapped
from harness.statistics.estimate import Estimate
from harness.text.data.corpus import Corpus
from harness.text.data.token_stream import token_stream
from harness.text.tokenizers.token_sizes import token_sizes
from harness.text.tokenizers.tokenizer import Ids, Tokenizer
from harness.text.utf8 import encode_utf8

if TYPE_CHECKING:
    import pandas as pd

Flags = NDArray[np.bool_]
_FIRST_PLACES = 16


@dataclass(frozen=True)
class Perplexity(Eval):
    """Options of the perplexity eval."""

    name: ClassVar[str] = "perplexity"
    version: ClassVar[int] = 2
    uses_decoding: ClassVar[bool] = False
    descriptions: ClassVar[Mapping[str, str]] = {
        "bits_per_byte": (
            "How many bits the model needs for a byte of test text: -log2 of the text's probability, divided "
            "by its UTF-8 bytes. It does not depend on the tokenizer."
        ),
        "bits_per_char": "The same bits, divided by characters.",
        "token_perplexity": "e to the mean negative log-probability of a token. It depends on the tokenizer.",
        "word_perplexity": "The same for a word, as lm-eval defines it.",
        "byte_perplexity": "The same for a byte: 2 to the bits per byte.",
        "compression_ratio": (
            "8 divided by the bits per byte: how many times smaller an ideal coder makes the text with this model."
        ),
        "context_tokens": "How many tokens before a token the model could read, on average.",
    }
    why_no_samples: ClassVar[str] = "the data set has no test documents"

    max_documents: int | None = None
    """How many test documents are scored, from the first on; None: all."""
    curve_bytes: int = 2048
    """How far into a document the curve by position goes, in bytes; it is over the documents of at least that length.
    16 or more."""

    def __post_init__(self) -> None:
        if self.max_documents is not None and self.max_documents < 1:
            raise ValueError(
                f"max_documents={self.max_documents} is not allowed: it must be 1 or more, or null for all"
            )
        check_least(self, curve_bytes=_FIRST_PLACES)

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
            "bits_per_byte": None if answer.nats is None or not num_bytes else answer.nats * BITS_PER_NAT / num_bytes,
            "num_chars": len(sample.prompt),
            "num_words": len(re.split(r"\s+", sample.prompt)),  # as lm-evaluation-harness counts words
        }
        parts = {}
        if answer.by_token is not None:
            values["context_tokens"] = int(answer.by_token.num_context_tokens.sum())
            parts = self._parts(sample.prompt, answer.by_token, material)
        return Score(values, nats=answer.nats, num_tokens=answer.num_tokens, num_bytes=num_bytes, parts=parts)

    def _parts(self, text: str, scores: TokenScores, material: Material) -> dict[str, dict[str, Score]]:
        """The scores of a document's tokens, by slice and value."""
        tokens = material.tokenizer.encode(text)
        sizes = token_sizes(material.tokenizer, text, tokens)
        counts = training_counts(material.corpus, material.tokenizer)[tokens]
        slices = {"times_seen": _buckets(counts, 1, 10)}
        if sizes.sum() >= self.curve_bytes:
            slices["position"] = _buckets(np.cumsum(sizes) - sizes, _FIRST_PLACES, 2, self.curve_bytes)
        return {
            name: {
                value: Score(
                    {"context_tokens": int(scores.num_context_tokens[chosen].sum())},
                    nats=math.fsum(scores.nats[chosen]),
                    num_tokens=int(chosen.sum()),
                    num_bytes=int(sizes[chosen].sum()),
                )
                for value, chosen in buckets
            }
            for name, buckets in slices.items()
        }

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        return [metric for name, part in slices_of(rows) for metric in self._of_slice(name, part)]

    def _of_slice(self, name: str, part: pd.DataFrame) -> Iterator[Metric]:
        """The metrics of a slice, from totals. Slices of tokens have no per-word measures and no chance level."""
        sizes = {"byte": "num_bytes", "token": "num_tokens"}
        is_of_documents = "num_words" in measures_of(part)
        if is_of_documents:
            sizes |= {"char": "num_chars", "word": "num_words"}
        formulas = {unit: Formula("nats", size, BITS_PER_NAT) for unit, size in sizes.items()}
        per = {unit: estimated(part, formula) for unit, formula in formulas.items()}
        if num_refused := part["nats"].isna().sum():
            # The other documents alone would be the ones that suit the model.
            reason = f"the model gives {num_refused} of {many(len(part), 'document')} no probability"
            per = dict.fromkeys(sizes, Estimate(None, 0, len(part), reason=reason))
        for unit in ("byte", "char"):
            if unit in per:
                chance = 8.0 if is_of_documents and unit == "byte" else None
                bits = f"bits_per_{unit}"
                yield metric_of(self, bits, per[unit], f"bits/{unit}", False, name, chance, formed_by=formulas[unit])
        for unit in ("token", "word", "byte"):
            if unit in per:
                yield metric_of(self, f"{unit}_perplexity", _perplexity(per[unit]), f"per {unit}", False, name)
        ratio = mapped(per["byte"], lambda bits: 8 / bits, "no bits were needed, so the ratio is infinite")
        yield metric_of(self, "compression_ratio", ratio, "bytes/byte", True, name)
        context = Formula("context_tokens", "num_tokens")
        yield metric_of(self, context.sum_of, estimated(part, context), "tokens", None, name, formed_by=context)


@functools.lru_cache(maxsize=2)
def training_counts(corpus: Corpus, tokenizer: Tokenizer) -> Ids:
    """(V,): how often each token occurs in the training text."""
    return np.bincount(token_stream(corpus, "train", tokenizer), minlength=tokenizer.vocab_size)


def _buckets(numbers: Ids, first: int, factor: int, end: int | None = None) -> Iterator[tuple[str, Flags]]:
    """(name, flags (N,)) of each bucket that isn't empty. Buckets end at first - 1, first x factor - 1, and so on.

    Names are as '10-99'. Numbers from `end` on are in no bucket.
    """
    low, high = 0, first
    stop = int(numbers.max(initial=-1)) + 1 if end is None else end
    while low < stop:
        high = high if end is None else min(high, end)
        is_inside = (numbers >= low) & (numbers < high)
        if is_inside.any():
            yield f"{low}-{high - 1}" if high - 1 > low else f"{low}", is_inside
        low, high = high, high * factor


def _perplexity(bits: Estimate) -> Estimate:
    """2 ** bits, from bits per unit; for words it may be too large for a float."""
    return mapped(bits, lambda bits: 2**bits, f"2 ** {bits.value or 0:.0f} is too large to write down")
