"""What an eval is, and how one is run on a fitted model.

An eval gives samples, says what it needs to know of the model for each (requests), scores each sample from the answers,
and turns all the scores into metrics. Answers are stored, so samples can be scored again without the model; metrics are
computed from the stored rows alone. Missing is never zero: a value that could not be had is None, and a metric without
values says why.
"""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from harness import statistics
from harness.errors import UserError
from harness.record import Metric
from harness.text.corpus import Corpus
from harness.text.tokenizer import Tokenizer
from harness.writing import Completion

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig


@dataclass(frozen=True)
class ScoreText:
    """Asks for the log-likelihood of a whole document, from its first token."""

    text: str


@dataclass(frozen=True)
class ScoreContinuation:
    """Asks for the log-likelihood of a continuation after a prompt, and whether greedy decoding would write it."""

    prompt: str
    continuation: str


@dataclass(frozen=True)
class Complete:
    """Asks for a completion under the run's decoding strategy."""

    prompt: str
    max_new_tokens: int
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compress:
    """Asks for texts, one or more, to be encoded by the model's probabilities, and decoded again by a copy of it."""

    texts: tuple[str, ...]


Request = ScoreText | ScoreContinuation | Complete | Compress


@dataclass(frozen=True, eq=False)
class TokenScores:
    """A document, token by token; N tokens."""

    nats: np.ndarray
    """(N,) float64: -ln p of each token."""
    num_context_tokens: np.ndarray
    """(N,) int64: how many tokens before it, the start token included, each could depend on."""


@dataclass(frozen=True)
class Likelihood:
    """The answer to `ScoreText` and `ScoreContinuation`."""

    nats: float | None
    """Sum of -ln p over the text's tokens; None where the model gives no such number, and `reason` says why."""
    num_tokens: int
    is_greedy: bool | None = None
    """Every token was the most probable one (of equals, the one with the lowest id); None for whole documents."""
    reason: str | None = None
    by_token: TokenScores | None = None
    """Of whole documents, where the model gives them a number."""


@dataclass(frozen=True)
class Compressed:
    """The answer to `Compress`."""

    num_bytes: int | None
    """Of the file; None where the model's scores are no probabilities, or are zero, and `reason` says so."""
    restored: bool | None
    """Whether a fresh copy of the model read the same texts from it."""
    nats: float | None
    """What the texts cost when they are scored: sum of -ln p over their tokens, and the ends of all but the last."""
    num_tokens: int
    decoder_bytes: int
    """What reading the file takes besides: the model's weights and the tokenizer, on disk."""
    reason: str | None = None


Answer = Likelihood | Completion | Compressed


@dataclass(frozen=True)
class Sample:
    """One thing that an eval asks. The same for every family, in the same order."""

    id: str
    """Stable and unique within the eval."""
    prompt: str
    target: str = ""
    """What a right answer says, where there is one."""
    cluster: str = ""
    """What the sample shares its luck with (a play, a problem template); '': itself alone."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and values by which the metrics are also broken down."""


@dataclass(frozen=True)
class Score:
    """What an eval found about one sample."""

    values: Mapping[str, float | None]
    """Measures by name; None: could not be measured. Where part of a sample belongs to a slice, its totals there have
    the slice's name behind an @, as 'nats@position=16-31'."""
    answer: str = ""
    """What the model said, where it said something. Hostile text: escape it wherever it is shown."""
    finish_reason: str | None = None
    nats: float | None = None
    num_tokens: int | None = None
    num_bytes: int | None = None


FindReference = Callable[["ModelConfig"], tuple["LanguageModel", Tokenizer]]
"""Fits a model to the bytes of the training text: the same one for every run over that text. With its tokenizer."""


def no_reference_models(config: ModelConfig) -> tuple[LanguageModel, Tokenizer]:
    """A `FindReference` where there are none."""
    raise UserError("there is no model to measure against here. Use an eval that needs none.")


@dataclass(frozen=True)
class Material:
    """What an eval may make its samples from. Nothing in it depends on the family or on the run's seed."""

    corpus: Corpus
    tokenizer: Tokenizer
    reference_model: FindReference = no_reference_models
    """For evals that measure what a model wrote against a fixed model of their own options."""


@dataclass(frozen=True)
class Measure:
    """One thing that an eval measures of each sample, summed up as its mean."""

    name: str
    """As in `Score.values`, and in the record."""
    unit: str = "share"
    """'share' (0 to 1), 'tokens', 'nats', ..."""
    higher_is_better: bool | None = True
    """None where a number only describes."""
    chance: float | None = None
    """What guessing scores, where that is known."""


class Eval(ABC):
    """A frozen dataclass of an eval's options.

    Every eval writes `samples`, `requests` and `score`, and either lists its `measures` or has `metrics` of its own.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    """Raised when the same options come to mean another measurement."""
    measures: ClassVar[tuple[Measure, ...]] = ()
    """What `metrics` sums up."""
    uses_decoding: ClassVar[bool] = True
    """Whether the run's decoding strategy has a say; where it hasn't, runs over one fit share the scores."""
    why_no_samples: ClassVar[str] = "the data set has nothing to make samples from"
    """The reason that stands in the record where `samples` gives none."""

    @abstractmethod
    def samples(self, material: Material) -> Iterable[Sample]:
        """The samples, the same ones each time. With none at all the record says `why_no_samples`."""

    @abstractmethod
    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        """What the model is asked for this sample."""

    @abstractmethod
    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        """One sample's score from the answers to its requests, in their order. Sees one sample only."""

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        """All metrics from the scored rows of `table`; sees all samples, and not the model.

        The mean of each of `measures` over every slice, unless an eval knows better.
        """
        found = []
        for name, part in slices_of(rows):
            clusters = part["cluster"].to_numpy()
            for one in self.measures:
                estimate = statistics.mean(measured(part, one.name).to_numpy(), clusters)
                found.append(metric(self, one.name, estimate, one.unit, one.higher_is_better, name, one.chance))
        return found

    def seen_in_training(self, samples: Sequence[Sample], material: Material) -> int | None:
        """How many of the samples occur in the training text; None where this eval does not look."""
        return None

    def perfect_answer(self, sample: Sample) -> str:
        """What a model that deserves full marks writes after the sample's prompt; `bakeoff check` lets one do so."""
        return sample.target


def table(name: str, samples: Sequence[Sample], scores: Sequence[Score]) -> pd.DataFrame:
    """One row a sample, in the columns of samples.parquet (run_id is added by the run)."""
    return pd.DataFrame(
        {
            "eval": pd.Series([name] * len(samples), dtype="str"),
            "sample_id": pd.Series([sample.id for sample in samples], dtype="str"),
            "cluster": pd.Series([sample.cluster or sample.id for sample in samples], dtype="str"),
            "prompt": pd.Series([_storable(sample.prompt) for sample in samples], dtype="str"),
            "target": pd.Series([_storable(sample.target) for sample in samples], dtype="str"),
            "answer": pd.Series([_storable(score.answer) for score in scores], dtype="str"),
            "values": pd.Series([json.dumps(dict(score.values)) for score in scores], dtype="str"),
            "finish_reason": pd.Series([score.finish_reason for score in scores], dtype="str"),
            "nats": pd.Series([score.nats for score in scores], dtype="float64"),
            "num_tokens": pd.Series([score.num_tokens for score in scores], dtype="Int64"),
            "num_bytes": pd.Series([score.num_bytes for score in scores], dtype="Int64"),
            "slices": pd.Series(
                [json.dumps(dict(sample.slices), ensure_ascii=False) for sample in samples], dtype="str"
            ),
        }
    )


def measures_of(rows: pd.DataFrame) -> list[str]:
    """The names of all measures that some row has, sorted."""
    return sorted({name for values in rows["values"] for name in _parsed(values)})


def measured(rows: pd.DataFrame, measure: str) -> pd.Series[float]:
    """One measure of every row, NaN where it is missing."""
    found = [_parsed(values).get(measure) for values in rows["values"]]
    return pd.Series(
        [math.nan if value is None else float(value) for value in found], index=rows.index, dtype="float64"
    )


def slices_of(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """('all', every row), then ('name=value', its rows) for every slice, by name and value."""
    found: dict[str, list[Any]] = {}
    for index, text in zip(rows.index, rows["slices"], strict=True):
        for key, value in json.loads(text).items():
            found.setdefault(f"{key}={value}", []).append(index)
    return [("all", rows), *((name, rows.loc[found[name]]) for name in sorted(found))]


def metric(
    eval: Eval,
    name: str,
    estimate: statistics.Estimate,
    unit: str,
    higher_is_better: bool | None,
    slice: str = "all",
    chance: float | None = None,
) -> Metric:
    """A `Metric` of this eval from an estimate."""
    return Metric(
        eval=eval.name,
        eval_version=eval.version,
        metric=name,
        slice=slice,
        unit=unit,
        higher_is_better=higher_is_better,
        chance=chance,
        **dataclasses.asdict(estimate),
    )


@lru_cache(maxsize=65_536)
def _parsed(values: str) -> Mapping[str, float | None]:
    """A row's measures."""
    found: Mapping[str, float | None] = json.loads(values)
    return found


def _storable(text: str) -> str:
    """Text as UTF-8 can hold it: a lone surrogate becomes a replacement character."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
