"""Generation: what the decoding strategy does to the text.

None of these measures is good or bad by itself: people repeat themselves and quote, too. So the real continuations have
the same measures, as real_NAME, and the best strategy is the nearest to them.
Prompts are stretches of held-out documents; the model continues each several times, for as many tokens as the real
continuation has. `repetition` (of 4 tokens), `diversity` (how little of 4 tokens the completions of one prompt share)
and `copied` (in stretches of 50 bytes or more) are means over prompts. `distinct_1` to `distinct_3` and `zipf_exponent`
are over the words of all texts together, with one completion for each prompt, because there is one real continuation.
evals/generation_parts/variety.py and evals/generation_parts/copying.py define them.

`reference_bits_per_byte` is the number of bits that a reference model needs for the texts. All runs of a comparison use
the same reference model, which is an option of this eval. Real text needs about as many bits as held-out text.
Gibberish needs more, and the text of a cautious strategy far fewer.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from evals.generation_parts.variety import Sequences, distinct, overlap, repetition, words, zipf_exponent
from harness.common.options import check_least, check_most
from harness.common.seeds import seed_of
from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material, mean_metric, metric_of
from harness.evaluation.metric import Baseline, Formula, Measure, Metric
from harness.evaluation.requests import Answer, Complete, Request, Sample, Score
from harness.evaluation.rows import counted, estimated, measured, slices_of
from harness.scoring.answers import BITS_PER_NAT
from harness.scoring.likelihood import document_logprobs, likelihood, nats
from harness.statistics.derived import without_interval
from harness.statistics.estimate import Estimate
from harness.text.data.corpus import Corpus
from harness.text.utf8 import encode_utf8
from models.language_model import ModelConfig

if TYPE_CHECKING:
    import pandas as pd

    from evals.generation_parts.copying import CopyFinder

NGRAM = 4
SHORTEST_COPY = 50
# (measure, unit): means over prompts, of completions and of real continuations alike.
_MEANS = (("repetition", "share"), ("copied", "share"), ("completion_bytes", "bytes"))
# How long completions are is asked for, and the longest copy is one text's.
_ONLY_DESCRIBES = ("completion_bytes", "longest_copied")
# The jackknife's are up to five times too wide, since leaving out a play changes how many words there are.
_OF_ALL_TEXTS = "no interval: it is of all texts together"
# Of all texts' words together: the unit, the statistic, and the reason where it has no value.
_POOLED: dict[str, tuple[str, Callable[[Sequences], float | None], str]] = {
    **{f"distinct_{n}": ("share", functools.partial(distinct, n=n), "there are too few words") for n in (1, 2, 3)},
    "zipf_exponent": ("exponent", zipf_exponent, "fewer than 10 words occur 5 times"),
}


@dataclass(frozen=True)
class Generation(Eval):
    """Options of the generation eval."""

    name: ClassVar[str] = "generation"
    version: ClassVar[int] = 1
    descriptions: ClassVar[Mapping[str, str]] = {
        "repetition": (
            "Share of the sequences of 4 tokens that the completion already had. People repeat themselves too."
        ),
        "copied": "Share of the bytes in stretches of 50 or more that also stand in the training text.",
        "longest_copied": "The longest such stretch.",
        "completion_bytes": "Length of the completions.",
        "reference_bits_per_byte": (
            "How many bits a byte of the completions costs under one fixed reference model: low is "
            "predictable, high is unusual text."
        ),
        "distinct_1": "Share of the words that are different ones.",
        "distinct_2": "Share of the sequences of 2 words that are different ones.",
        "distinct_3": "Share of the sequences of 3 words that are different ones.",
        "zipf_exponent": "How steeply the frequency of words falls with their rank.",
        "diversity": "1 minus the share of sequences of 4 tokens that the completions of one prompt have in common.",
    }
    why_no_samples: ClassVar[str] = "no test document is as long as a prompt and its continuation"

    reference: ModelConfig
    """The model that scores all texts: fitted in one pass to the bytes of the training text."""
    num_prompts: int = 64
    """Stretches of held-out documents to continue."""
    num_completions: int = 4
    """Completions of each prompt; 2 to 10,000, because what they share is measured."""
    prompt_chars: int = 200
    """Characters of each prompt."""
    continuation_chars: int = 240
    """Characters of the real continuation; a completion may take as many tokens as it."""

    def __post_init__(self) -> None:
        check_least(self, num_prompts=1, num_completions=2, prompt_chars=1, continuation_chars=1)
        check_most(self, num_completions=10_000)

    def samples(self, material: Material) -> Iterable[Sample]:
        length = self.prompt_chars + self.continuation_chars
        drawn = []
        for document in material.corpus.test:
            for begin in range(0, len(document.text) - length + 1, length):
                cut, end = begin + self.prompt_chars, begin + length
                sample = Sample(
                    f"{document.id}@{begin}",
                    document.text[begin:cut],
                    target=document.text[cut:end],
                    cluster=document.cluster,
                    slices={"source": document.source},
                )
                drawn.append((seed_of(self.name, sample.id), sample))
        # sorted by hashes: a smaller eval asks a part of what a larger one asks
        return [sample for _, sample in sorted(drawn, key=lambda pair: pair[0])[: self.num_prompts]]

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        length = len(material.tokenizer.encode(sample.target))
        return [Complete(sample.prompt, length)] * self.num_completions

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        completions = [answer for answer in answers if isinstance(answer, Completion)]
        texts = [completion.text for completion in completions]
        *nats, real_nats = self._reference_nats(sample.prompt, [*texts, sample.target], material)
        shared = overlap([material.tokenizer.encode(text).tolist() for text in texts], NGRAM)
        return Score(
            values={
                "diversity": None if shared is None else 1 - shared,
                **_measures(texts, material),
                **{f"real_{name}": value for name, value in _measures([sample.target], material).items()},
                "real_nats": real_nats,
            },
            answer=texts[0],
            finish_reason=completions[0].finish_reason,
            nats=None if None in nats else math.fsum(number for number in nats if number is not None),
            num_tokens=sum(len(completion.tokens) for completion in completions),
            num_bytes=sum(len(encode_utf8(text)) for text in texts),
        )

    def _reference_nats(self, prompt: str, texts: Sequence[str], material: Material) -> list[float | None]:
        """The nats of each text after the prompt under the reference model; None where it has no probability."""
        model, tokenizer = material.reference_model(self.reference)
        before = tokenizer.encode(prompt)
        logprobs = document_logprobs(model, [np.concatenate([before, tokenizer.encode(text)]) for text in texts])
        after = [scored[len(before) :] for scored in logprobs]
        return [likelihood(model, nats(scored), len(scored)).nats for scored in after]

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        metrics: list[Metric] = []
        for name, part in slices_of(rows):
            metrics += self._of_texts(name, part, "", "answer", Formula("nats", "num_bytes", BITS_PER_NAT))
            metrics.append(mean_metric(self, Measure("diversity", higher_is_better=None), part, name))
            real_bits = Formula("real_nats", "real_completion_bytes", BITS_PER_NAT)
            metrics += self._of_texts(name, part, "real_", "target", real_bits)
        return metrics

    def perfect_answer(self, sample: Sample, request: Request) -> None:
        """There is none: even people's texts repeat and copy at times."""

    def _of_texts(self, name: str, part: pd.DataFrame, who: str, column: str, bits: Formula) -> Iterator[Metric]:
        """The measures of a slice's completions, or of its real continuations: `who` is '' or 'real_'. bits: the
        reference model's bits per byte."""

        def of(
            measure: str,
            unit: str,
            estimate: Estimate,
            formed_by: Formula | None = None,
        ) -> Metric:
            """A measure of these texts; for real texts, the baseline of the model's."""
            baseline = Baseline(measure, "real") if who else None
            nearest_to = None if who or measure in _ONLY_DESCRIBES else f"real_{measure}"
            return metric_of(
                self,
                f"{who}{measure}",
                estimate,
                unit,
                None,
                name,
                formed_by=formed_by,
                baseline=baseline,
                nearest_to=nearest_to,
            )

        for measure, unit in _MEANS:
            formula = Formula(f"{who}{measure}")
            yield of(measure, unit, estimated(part, formula), formula)
        longest = measured(part, f"{who}longest_copied").max()
        most = Estimate(None, 0, len(part), reason="there are no texts")
        if not math.isnan(longest):
            most = Estimate(float(longest), len(part), len(part), reason="a maximum: no interval")
        yield of("longest_copied", "bytes", most)
        expected = estimated(part, bits)
        if refused := counted(part, bits.sum_of).isna().sum():
            reason = f"the reference model gives {refused} of {len(part)} prompts' texts no probability"
            expected = Estimate(None, 0, len(part), reason=reason)
        yield of("reference_bits_per_byte", "bits/byte", expected, formed_by=bits)
        texts = [words(text) for text in part[column]]
        for measure, (unit, statistic, nothing) in _POOLED.items():
            yield of(measure, unit, without_interval(statistic(texts), len(texts), _OF_ALL_TEXTS, nothing))


def _measures(texts: Sequence[str], material: Material) -> dict[str, float | None]:
    """Repetition, copying and length of texts."""
    repeated = [repetition(material.tokenizer.encode(text).tolist(), NGRAM) for text in texts]
    known = [share for share in repeated if share is not None]
    copies = [copy_finder(material.corpus).find(encode_utf8(text)) for text in texts]
    num_bytes = sum(len(encode_utf8(text)) for text in texts)
    return {
        "repetition": float(np.mean(known)) if known else None,
        "copied": sum(copy.num_bytes for copy in copies) / num_bytes if num_bytes else None,
        "longest_copied": max(copy.longest for copy in copies),
        "completion_bytes": num_bytes / len(texts),
    }


@functools.lru_cache(maxsize=1)
def copy_finder(corpus: Corpus) -> CopyFinder:
    """Of the corpus' training text."""
    from evals.generation_parts.copying import CopyFinder  # imports numba; settings are checked without it

    return CopyFinder((encode_utf8(document.text) for document in corpus.train), SHORTEST_COPY)
