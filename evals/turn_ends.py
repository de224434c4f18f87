"""How well a model forecasts where turns end in real transcripts. Nothing is generated.

A turn could end after each of its words. At each of these places in real turns of the assistant, the model gives a
probability that the turn ends there (the probability of the text that hands over). The transcript says whether it did.

`turn_end_auc`, the headline: how often a place where a turn ended has a higher probability than a place where it
didn't. `turn_end_average_precision`: the mean precision over the ends, by falling probability. `turn_end_brier`: the
mean squared difference between probability and outcome (1 or 0). `turn_end_base_rate`: the share of places where a turn
ended; a forecast that always gives this rate has its variance as Brier score. scikit-learn computes the first two.
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
from harness.evaluation.rows import measured, slices_of, strata_of
from harness.scoring.answers import Likelihood
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean
from harness.statistics.leave_one_out import jackknife
from harness.text.data.corpus import Corpus
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn

if TYPE_CHECKING:
    import pandas as pd

Forecast = tuple[float, bool]
"""The probability of an event, and whether it happened."""
_ALL_ALIKE = "a turn ends at all of the places, or at none"


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
        "no held-out conversation has an assistant's turn between two human turns that fits into max_history_chars"
    )

    num_samples: int = 100
    """Held-out conversations; in each, the end of one real turn is to be found."""
    exclude_sources: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Data sets whose conversations are left out."""
    max_places: int = 24
    """At most this many positions of a turn are scored, the real end included."""
    max_history_chars: int = 800
    """How much of the transcript is read before the turn, in characters, cut to whole turns."""

    def __post_init__(self) -> None:
        check_least(self, num_samples=1, max_places=1, max_history_chars=1)

    def samples(self, material: Material) -> Iterable[Sample]:
        """The target is what really follows: the rest of the turn, and the text that ends it."""
        corpus = material.corpus
        form = corpus.chat_format
        stop = form.stop_text(HUMAN)
        # Of turns with the same prompt only one is used, so no place is asked about twice.
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
        """The assistant's turns of usual length between two human turns: (index, prompt) of each."""
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
        return [metric for name, part in slices_of(rows) for metric in self._forecasts(part, name)]

    def _forecasts(self, rows: pd.DataFrame, name: str) -> Iterable[Metric]:
        """The metrics of a slice. They have no value where the model gives some place no probability."""
        clusters = rows["cluster"].to_numpy()
        ended, probability = (measured(rows, measure).to_numpy() for measure in ("turn_end", "turn_end_probability"))
        base_rate = mean(ended, clusters, strata_of(rows))
        num_refused = int((np.isnan(probability) | np.isnan(ended)).sum())
        if num_refused:
            # The other places alone would be the ones that suit the model.
            reason = f"the model gives {num_refused} of {many(len(rows), 'place')} no probability"
            area = precision = brier = Estimate(None, 0, len(rows), reason=reason)
        else:
            forecasts = [(float(p), bool(y)) for p, y in zip(probability, ended, strict=True)]
            area, precision = (
                jackknife(statistic, forecasts, clusters, _ALL_ALIKE, bounds=(0.0, 1.0))
                for statistic in (auc, average_precision)
            )
            brier = mean(measured(rows, "turn_end_brier").to_numpy(), clusters, strata_of(rows))
        rate = base_rate.value
        constant = None if rate is None else rate * (1 - rate)
        yield metric_of(self, "turn_end_auc", area, "area", True, name, 0.5)
        yield metric_of(self, "turn_end_average_precision", precision, "area", True, name, rate)
        of_brier, of_base_rate = Formula("turn_end_brier"), Formula("turn_end")
        yield metric_of(self, "turn_end_brier", brier, "squared error", False, name, constant, formed_by=of_brier)
        yield metric_of(self, "turn_end_base_rate", base_rate, "share", None, name, formed_by=of_base_rate)


def places(body: str, most: int, name: str) -> list[int]:
    """The positions where a turn could end, in order: after each word, before the white space, and the real end.

    At most `most` positions (1 or more): the real end, and others drawn at random. name: seeds the draw.
    """
    inside = [space.start() for space in re.finditer(r"(?<=\S)\s+(?=\S)", body)]
    drawn = sorted(inside, key=lambda place: seed_of(name, place))[: most - 1]
    return [*sorted(drawn), len(body)]


def auc(forecasts: Sequence[Forecast]) -> float | None:
    """The area under the receiver operating characteristic: how often an event that happened has a higher probability
    than one that didn't, ties as half. None where all happened, or none."""
    from sklearn.metrics import roc_auc_score  # takes two seconds, so only where it is needed

    return _of_both(roc_auc_score, forecasts)


def average_precision(forecasts: Sequence[Forecast]) -> float | None:
    """The mean precision over the events that happened, by falling probability; chance gives their share. None where
    all happened, or none."""
    from sklearn.metrics import average_precision_score

    return _of_both(average_precision_score, forecasts)


def _of_both(score: Callable[..., float], forecasts: Sequence[Forecast]) -> float | None:
    happened = np.array([happened for _, happened in forecasts], dtype=bool)
    if happened.all() or not happened.any():
        return None
    return float(score(happened, np.array([probability for probability, _ in forecasts])))
