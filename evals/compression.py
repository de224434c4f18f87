"""Compression: checks bits per byte by really compressing text. No decoding strategy is involved.

Held-out text is written to a file by an entropy coder that uses the model's next-token distributions, and read again
with a fresh copy of the model (harness/scoring/compression.py). The text must come back unchanged. The file must be as
long as the sum of -log2 p that scoring claims, to 0.1 % and 16 bytes. Otherwise no size is reported. A model that looks
ahead when it scores, or whose probabilities add up to more than 1, fails.

For comparison, the sizes from gzip, bzip2, xz and zstd at their highest levels are reported. Those files need no model,
so a size that includes the model's weights and the tokenizer is reported as well.
With `max_decoder_bytes` that size is not reported for larger models: a race among small models.
"""

from __future__ import annotations

import bisect
import bz2
import gzip
import lzma
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow

from harness.common.options import check_least
from harness.evaluation.eval import Eval, Material, mean_metric, metric_of
from harness.evaluation.metric import Baseline, Formula, Measure, Metric
from harness.evaluation.requests import Answer, Compress, Request, Sample, Score
from harness.evaluation.rows import estimated, measured, slices_of
from harness.scoring.answers import BITS_PER_NAT, Compressed
from harness.statistics.derived import shifted
from harness.statistics.estimate import Estimate
from harness.text.data.corpus import Corpus
from harness.text.utf8 import encode_utf8

if TYPE_CHECKING:
    import pandas as pd

_SIZE = "compressed_bits_per_byte"
COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 9, mtime=0),
    "bzip2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    "zstd": lambda data: bytes(pyarrow.Codec("zstd", compression_level=22).compress(data, asbytes=True)),
}


@dataclass(frozen=True)
class Compression(Eval):
    """Options of the compression eval."""

    name: ClassVar[str] = "compression"
    version: ClassVar[int] = 1
    uses_decoding: ClassVar[bool] = False
    descriptions: ClassVar[Mapping[str, str]] = {
        "compressed_bits_per_byte": (
            "Size of the file that an entropy coder really writes with the model's probabilities, in bits per "
            "byte of text."
        ),
        "with_decoder_bits_per_byte": "The same, with the size of the model and its tokenizer added.",
        "restored": "Share of the texts that came back unchanged. It must be 100 %.",
        "as_claimed": (
            "Share of the files as long as the model's probabilities say, to 0.1 % and 16 bytes. It must be 100 %."
        ),
    }
    why_no_samples: ClassVar[str] = "the data set has no test documents"

    max_bytes: int = 10_000
    """How many bytes of each source's test documents are compressed, from the first on; 4 or more. Each token is read
    twice."""
    max_decoder_bytes: int | None = None
    """The most bytes of the model and its tokenizer; 1 or more. None: any number."""

    def __post_init__(self) -> None:
        if self.max_bytes < 4:
            raise ValueError(f"max_bytes={self.max_bytes} is not allowed: it must be 4 or more, the longest character")
        if self.max_decoder_bytes is not None:
            check_least(self, max_decoder_bytes=1)

    def samples(self, material: Material) -> Iterable[Sample]:
        for source, texts in self._texts(material.corpus).items():
            yield Sample(source, "".join(texts), slices={"source": source})

    def _texts(self, corpus: Corpus) -> dict[str, tuple[str, ...]]:
        """The documents to compress, by source; the last one may be cut."""
        texts: dict[str, tuple[str, ...]] = {}
        left: dict[str, int] = {}
        for document in corpus.test:
            room = left.get(document.source, self.max_bytes)
            if text := _beginning(document.text, room):
                texts[document.source] = (*texts.get(document.source, ()), text)
            left[document.source] = max(0, room - document.num_bytes)
        return texts

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [Compress(self._texts(material.corpus)[sample.id])]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        [answer] = answers
        assert isinstance(answer, Compressed)
        data = encode_utf8(sample.prompt)
        values = {
            "restored": answer.restored,
            "as_claimed": _as_claimed(answer),
            "file_bytes": answer.num_bytes,
            "decoder_bytes": answer.decoder_bytes,
            **{f"{name}_bytes": len(compressed(data)) for name, compressed in COMPRESSORS.items()},
        }
        return Score(values, nats=answer.nats, num_tokens=answer.num_tokens, num_bytes=len(data))

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        metrics = []
        per_byte = Formula("file_bytes", "num_bytes", 8.0)
        for name, part in slices_of(rows):
            size = estimated(part, per_byte)
            if refusal := self._refusal(part):
                size = Estimate(None, 0, len(part), reason=refusal)
            decoder = 8 * float(measured(part, "decoder_bytes").iloc[0] / part["num_bytes"].sum())
            metrics += [
                metric_of(self, _SIZE, size, "bits/byte", False, name, formed_by=per_byte),
                metric_of(self, "with_decoder_bits_per_byte", shifted(size, decoder), "bits/byte", False, name),
                *(mean_metric(self, Measure(measure), part, name) for measure in ("restored", "as_claimed")),
            ]
            metrics += [self._baseline(compressor, part, name) for compressor in COMPRESSORS]
        return metrics

    def _baseline(self, compressor: str, part: pd.DataFrame, name: str) -> Metric:
        """The size of the same bytes with another compressor."""
        per_byte = Formula(f"{compressor}_bytes", "num_bytes", 8.0)
        return metric_of(
            self,
            f"{compressor}_{_SIZE}",
            estimated(part, per_byte),
            "bits/byte",
            None,
            name,
            formed_by=per_byte,
            baseline=Baseline(_SIZE, compressor),
        )

    def _refusal(self, rows: pd.DataFrame) -> str | None:
        """Why there is no size; None where there is."""
        decoder_bytes = measured(rows, "decoder_bytes").max()
        if self.max_decoder_bytes is not None and decoder_bytes > self.max_decoder_bytes:
            return (
                f"the model and its tokenizer take {decoder_bytes:,.0f} bytes, more than "
                f"max_decoder_bytes={self.max_decoder_bytes:,}"
            )
        return _why_not_trusted(rows)


def _beginning(text: str, max_bytes: int) -> str:
    """The beginning of a text: as many characters as fit into `max_bytes`."""
    sizes = range(len(text) + 1)
    return text[: bisect.bisect_right(sizes, max_bytes, key=lambda size: len(encode_utf8(text[:size]))) - 1]


def _as_claimed(answer: Compressed) -> bool | None:
    """Whether the file is as long as scoring claims; None where scoring gives no length."""
    if answer.num_bytes is None or answer.nats is None:
        return None
    claimed = answer.nats * BITS_PER_NAT / 8
    return abs(answer.num_bytes - claimed) <= 0.001 * claimed + 16


def _why_not_trusted(rows: pd.DataFrame) -> str | None:
    """Why the files' sizes can't be trusted; None where they can."""
    problems = {
        "texts have no probability under the model": measured(rows, "file_bytes").isna().sum(),
        "texts did not come back": (measured(rows, "restored") == 0).sum(),
        "files are not as long as scoring claims": (measured(rows, "as_claimed") == 0).sum(),
    }
    return "; ".join(f"{count} of {len(rows)} {problem}" for problem, count in problems.items() if count) or None
