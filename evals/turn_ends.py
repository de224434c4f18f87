"""Where turns end, and how well a model knows it, without generating: forecasts of what real transcripts did.

A turn could end after each of its words. At each such place in real turns of the assistant's the model gives a
probability that it does (that of the text that hands over), and the transcript tells whether it did.

`turn_end_auc`, the headline: how often a place where a turn ended has a higher probability than one where it didn't.
`turn_end_average_precision`: the mean precision over the ends, by falling probability. `turn_end_brier`: the mean
squared distance between the probability and what came. `turn_end_base_rate`: the share of the places where a turn
ended; who gives every place that probability gets its variance as Brier score. scikit-learn has the first two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from evals.conversation_parts import turns
from harness.common.options import check_least
from harness.common.plurals import many
from harness.common.seeds import seed_of
from harness.evaluation.eval import Eval, Material, metric_of
from harness.evaluation.metric import Formula, Metric
from harness.evaluation.requests import Answer, Request, Sample, Score, ScoreContinuation
from harness.evaluation.rows import measured, slices_of
from harness.scoring.answers import Likelihood
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean
from harness.statistics.leave_one_out import jackknife
from harness.text.data.corpus import Corpus
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn

if TYPE_CHECKING:
    import pandas as pd

Forecast = tuple[float, bool]
"""The probability of something, and whether it came."""
_ALL_ALIKE = "no turn ends at any of the places, or one ends at each"


@dataclass(frozen=True)
class TurnEnds(Eval):
    """Options of the turn-ends eval."""

    name: ClassVar[str] = "turn_ends"
    version: ClassVar[int] = 1
    uses_decoding: ClassVar[bool] = False
    descriptions: ClassVar[Mapping[str, str]] = {
        "turn_end_auc": (
            "How often a place where a turn ended gets a higher probability of ending than a place where it "
            "did not: the area under the ROC curve. 0.5 is blind guessing."
        ),
        "turn_end_average_precision": "Mean precision over the places where a turn ended, by falling probability.",
        "turn_end_brier": (
            "Brier score: the mean squared difference between the probability that a turn ends and what "
            "happened (1 or 0)."
        ),
        "turn_end_base_rate": "Share of the places where a turn ended.",
    }
    why_no_samples: ClassVar[str] = (
        "no held-out conversation has a turn of the assistant's between two of the human's within so much text"
    )

    num_samples: int = 100
    """Held-out conversations in which the end of one real turn is looked for."""
    exclude_sources: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Data sets whose conversations are left out."""
    max_places: int = 24
    """In a turn it is looked for at no more places than this, the real end included."""
    max_history_chars: int = 800
    """As much of the transcript is read before it, in whole turns: characters."""

    def __post_init__(self) -> None:
        check_least(self, num_samples=1, max_places=1, max_history_chars=1)

    def samples(self, material: Material) -> Iterable[Sample]:
        """The target is what really comes: the rest of the turn and what ends it."""
        corpus = material.corpus
        form = corpus.chat_format
        stop = form.stop_text(HUMAN)
        # Of several turns that answer the same words, one: no place is asked about twice.
        prompts: set[str] = set()
        for draw, document, said in turns.conversations(corpus, self.exclude_sources, self.name):
            candidates = [(index, prompt) for index, prompt in self._candidates(corpus, said) if prompt not in prompts]
            if not candidates or len(prompts) == self.num_samples:
                continue
            index, prompt = candidates[draw % len(candidates)]
            prompts.add(prompt)
            body = form.body(said[index])
            for place in places(body, self.max_places, f"{document.id}#{index}"):
                yield Sample(
                    f"{document.id}#{index}@{place}",
                    prompt + body[:place],
                    body[place:] + stop,
                    document.cluster,
                    {"source": document.source},
                )

    def _candidates(self, corpus: Corpus, said: Sequence[Turn]) -> Iterable[tuple[int, str]]:
        """The turns of the assistant's between two of the human's, no longer than is usual, with what is read before
        each."""
        form = corpus.chat_format
        for index in range(1, len(said) - 1):
            if [turn.speaker for turn in said[index - 1 : index + 2]] != [HUMAN, ASSISTANT, HUMAN]:
                continue
            _, longest = turns.usual_lengths(corpus, self.exclude_sources)
            history = turns.recent(form, said[:index], self.max_history_chars)
            if history and 0 < len(said[index].text) <= longest:
                yield index, form.open_turn(Transcript(history), ASSISTANT)

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [ScoreContinuation(sample.prompt, material.corpus.chat_format.stop_text(HUMAN))]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        [answer] = answers
        assert isinstance(answer, Likelihood)
        ended = sample.target == material.corpus.chat_format.stop_text(HUMAN)
        probability = None if answer.nats is None else min(1.0, math.exp(-answer.nats))
        brier = None if probability is None else (probability - ended) ** 2
        return Score({"turn_end": ended, "turn_end_probability": probability, "turn_end_brier": brier})

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        return [one for name, part in slices_of(rows) for one in self._forecasts(part, name)]

    def _forecasts(self, rows: pd.DataFrame, name: str) -> Iterable[Metric]:
        """How well the ends of turns are foreseen: of a model that gives some place no probability, nothing."""
        clusters = rows["cluster"].to_numpy()
        ended, probability = (measured(rows, measure).to_numpy() for measure in ("turn_end", "turn_end_probability"))
        base_rate = mean(ended, clusters)
        refused = int((np.isnan(probability) | np.isnan(ended)).sum())
        if refused:
            # The rest would be the places that the model likes.
            reason = f"the model gives {refused} of {many(len(rows), 'place')} no probability"
            area = precision = brier = Estimate(None, 0, len(rows), reason=reason)
        else:
            forecasts = [(float(p), bool(y)) for p, y in zip(probability, ended, strict=True)]
            area, precision = (
                jackknife(statistic, forecasts, clusters, _ALL_ALIKE, bounds=(0.0, 1.0))
                for statistic in (auc, average_precision)
            )
            brier = mean(measured(rows, "turn_end_brier").to_numpy(), clusters)
        rate = base_rate.value
        constant = None if rate is None else rate * (1 - rate)
        yield metric_of(self, "turn_end_auc", area, "area", True, name, 0.5)
        yield metric_of(self, "turn_end_average_precision", precision, "area", True, name, rate)
        of_brier, of_base_rate = Formula("turn_end_brier"), Formula("turn_end")
        yield metric_of(self, "turn_end_brier", brier, "squared error", False, name, constant, formed_by=of_brier)
        yield metric_of(self, "turn_end_base_rate", base_rate, "share", None, name, formed_by=of_base_rate)


def places(body: str, most: int, name: str) -> list[int]:
    """Where in what is said a turn could end: after each word, before the white space; and its real end, in order.

    Of more than `most` places (1 or more) the real end is kept, and others are drawn; name: what they are drawn by.
    """
    inside = [space.start() for space in re.finditer(r"(?<=\S)\s+(?=\S)", body)]
    drawn = sorted(inside, key=lambda place: seed_of(name, place))[: most - 1]
    return [*sorted(drawn), len(body)]


def auc(forecasts: Sequence[Forecast]) -> float | None:
    """The area under the receiver operating characteristic: how often what came had the higher probability than what
    didn't, ties as half. None where all came, or nothing."""
    from sklearn.metrics import roc_auc_score  # takes two seconds: only where it is needed

    return _of_both(roc_auc_score, forecasts)


def average_precision(forecasts: Sequence[Forecast]) -> float | None:
    """The mean precision over what came, by falling probability; its chance is the share of what came. None where all
    came, or nothing."""
    from sklearn.metrics import average_precision_score

    return _of_both(average_precision_score, forecasts)


def _of_both(score: Callable[..., float], forecasts: Sequence[Forecast]) -> float | None:
    came = np.array([came for _, came in forecasts], dtype=bool)
    if came.all() or not came.any():
        return None
    return float(score(came, np.array([probability for probability, _ in forecasts])))
