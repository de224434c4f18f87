"""What an eval is, and how one is run on a fitted model.

An eval gives samples, says what the model is asked for each (requests), scores each sample from the answers, and turns
all the scores into metrics. Answers are stored, so samples can be scored again without the model; metrics are
computed from the stored rows alone. Missing is never zero: a value that could not be measured is None, and a metric
without values says why.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.common.errors import UserError
from harness.evaluation.metric import Baseline, Formula, Measure, Metric, bounds_of
from harness.evaluation.requests import Answer, Request, Sample, Score
from harness.evaluation.rows import estimated, slices_of
from harness.statistics.derived import cut
from harness.statistics.estimate import Estimate
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

    from models.language_model import LanguageModel, ModelConfig


FindReference = Callable[["ModelConfig"], tuple["LanguageModel", Tokenizer]]
"""Fits a model to the bytes of the training text: the same one for every run over that text. With its tokenizer."""


def no_reference_models(config: ModelConfig) -> tuple[LanguageModel, Tokenizer]:
    """A `FindReference` that has no models: it raises UserError."""
    raise UserError("there is no model to measure against here. Use an eval that needs none.")


@dataclass(frozen=True)
class Material:
    """What an eval can build its samples from. Nothing in it depends on the family or on the run's seed."""

    corpus: Corpus
    tokenizer: Tokenizer
    reference_model: FindReference = no_reference_models
    """For evals that measure a model's text against a fixed model, which the eval's options name."""


class Eval(ABC):
    """A frozen dataclass of an eval's options.

    Every eval implements `samples`, `requests` and `score`, and either lists its `measures` or overrides `metrics`.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    """Incremented when the same options give other scores than before."""
    measures: ClassVar[tuple[Measure, ...]] = ()
    """The measures that `metrics` summarises."""
    uses_decoding: ClassVar[bool] = True
    """Whether scores depend on the run's decoding strategy; if not, runs over one fit share the scores."""
    has_wrong_answers: ClassVar[bool] = True
    """Whether an answer can be wrong, so that `bakeoff check` tries wrong ones; False where what is said isn't judged,
    as in a conversation."""
    descriptions: ClassVar[Mapping[str, str]] = {}
    """What each metric is, by its name: a sentence for readers of a report."""
    why_no_samples: ClassVar[str] = "the data set has nothing to make samples from"
    """The reason in the record when `samples` gives none."""

    @abstractmethod
    def samples(self, material: Material) -> Iterable[Sample]:
        """The samples, the same ones each time. With none at all the record says `why_no_samples`."""

    @abstractmethod
    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        """What the model is asked for this sample."""

    @abstractmethod
    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        """One sample's score from the answers to its requests, in their order. Sees one sample only."""

    def score_together(self, samples: Sequence[Sample], scores: Sequence[Score], material: Material) -> Sequence[Score]:
        """The scores of all samples, with measures added that need more than one sample, such as whether
        many samples got the same answer. The order of the samples must not matter. By default: the scores unchanged."""
        return scores

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        """All metrics from the scored rows of `table`; sees all samples, and not the model. Each says how it is formed.

        By default: the mean of each of `measures` over every slice.
        """
        return [
            mean_metric(self, measure, part, name, measure.chance)
            for name, part in slices_of(rows)
            for measure in self.measures
        ]

    def seen_in_training(self, samples: Sequence[Sample], material: Material) -> int | None:
        """How many of the samples occur in the training text; None where this eval does not look."""
        return None

    def perfect_answer(self, sample: Sample, request: Request) -> str | None:
        """What a model with a perfect score writes when it is asked this about a sample; `bakeoff check` tries such a
        model. "" where silence is right, None where no right answer is known. By default: the target, where there is
        one."""
        return sample.target or None


def mean_metric(eval: Eval, measure: Measure, rows: pd.DataFrame, slice: str, chance: float | None = None) -> Metric:
    """The mean of a measure over the rows of a slice, as in the record."""
    formula = Formula(measure.name)
    estimate = estimated(rows, formula)
    if estimate.value is None and measure.why_missing:
        estimate = dataclasses.replace(estimate, reason=measure.why_missing)
    return metric_of(
        eval,
        measure.name,
        estimate,
        measure.unit,
        measure.higher_is_better,
        slice,
        chance,
        formed_by=formula,
        uses_decoding=measure.uses_decoding,
        baseline=measure.baseline,
        nearest_to=measure.nearest_to,
    )


def metric_of(
    eval: Eval,
    name: str,
    estimate: Estimate,
    unit: str,
    higher_is_better: bool | None,
    slice: str = "all",
    chance: float | None = None,
    *,
    formed_by: Formula | None = None,
    uses_decoding: bool | None = None,
    baseline: Baseline | None = None,
    nearest_to: str | None = None,
) -> Metric:
    """A `Metric` of this eval from an estimate.

    formed_by: how the value follows from the samples of the slice, so that the report can compare sample by sample;
    None: in another way. uses_decoding: None: as the eval says, and never for a baseline. baseline: for a figure that
    no model produced, the metric that it is shown beside. nearest_to: the metric whose value is the best one to have.
    """
    if uses_decoding is None:
        uses_decoding = eval.uses_decoding and baseline is None
    about: dict[str, Any] = dataclasses.asdict(cut(estimate, *bounds_of(unit)))
    del about["stderr_samples"], about["sd_seeds"]  # of several seeds, but a run has one
    if formed_by is not None:
        about |= dataclasses.asdict(formed_by)
    if baseline is not None:
        about |= {
            "baseline_of": baseline.of,
            "baseline_label": baseline.label,
            "baseline_is_trivial": baseline.is_trivial,
        }
    return Metric(
        eval=eval.name,
        eval_version=eval.version,
        metric=name,
        slice=slice,
        unit=unit,
        higher_is_better=higher_is_better,
        chance=chance,
        uses_decoding=uses_decoding,
        nearest_to=nearest_to,
        **about,
    )
