"""Does the model know who speaks next in a scene of several speakers? Nothing is generated.

The question is asked at changes of turn in held-out scenes with three or more speakers. All speakers except the last
one are candidates; they are ranked by the probability of their label.

`next_speaker_accuracy`, the headline: the share of changes where the right speaker is first.
`next_speaker_mrr`: the mean of 1 / rank of the right speaker. Of equally probable speakers each gets the mean over
their ranks, so a model that can't tell them apart has the score of guessing. For comparison there are the scores of
guessing and of two simple rules (evals/conversation_parts/speakers.py): `before_last_` picks the one who spoke before
the last speaker, `most_frequent_` the one who has spoken most often.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from evals.conversation_parts import turns
from evals.conversation_parts.speakers import FEWEST_SPEAKERS, Change, change, changes
from harness.common.options import check_least
from harness.common.seeds import seed_of
from harness.evaluation.eval import Eval, Material, mean_metric
from harness.evaluation.metric import Baseline, Measure, Metric
from harness.evaluation.requests import Answer, Request, Sample, Score, ScoreContinuation
from harness.evaluation.rows import measured, slices_of
from harness.scoring.answers import Likelihood
from harness.text.data.corpus import Corpus, Document
from harness.text.transcript import Transcript
from harness.text.transcript_format import TranscriptFormat

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SpeakerQuestion:
    """A change of turn to ask about."""

    sample: Sample
    change: Change
    form: TranscriptFormat
    """The format of the scene."""

    def continuation(self, speaker: str) -> str:
        """The text that follows if this speaker is next: the separator between turns, and the label."""
        return self.form.between + self.form.label(speaker)


@dataclass(frozen=True)
class NextSpeaker(Eval):
    """Options of the next-speaker eval."""

    name: ClassVar[str] = "next_speaker"
    version: ClassVar[int] = 2
    uses_decoding: ClassVar[bool] = False
    descriptions: ClassVar[Mapping[str, str]] = {
        "next_speaker_accuracy": (
            "Share of the changes of turn where the model finds the right next speaker the most probable. "
            "Of equally probable speakers each counts with its part."
        ),
        "next_speaker_mrr": (
            "Mean reciprocal rank: 1 where the right speaker is first, 1/2 where second, and so on, averaged."
        ),
    }
    why_no_samples: ClassVar[str] = (
        f"no held-out scene has {FEWEST_SPEAKERS} or more speakers and turns that fit into max_history_chars"
    )
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("next_speaker_accuracy"),
        Measure("next_speaker_mrr", "reciprocal rank"),
        *(
            Measure(f"{who}_{measure}", unit, None, baseline=Baseline(measure, who, is_trivial=True))
            for who in ("before_last", "most_frequent")
            for measure, unit in (("next_speaker_accuracy", "share"), ("next_speaker_mrr", "reciprocal rank"))
        ),
    )

    num_scenes: int = 30
    """Held-out scenes of three speakers or more, in which the next speaker is asked for."""
    changes_per_scene: int = 10
    """Changes of turn in each."""
    max_history_chars: int = 800
    """How much of the scene is read before the change, in characters, cut to whole turns."""

    def __post_init__(self) -> None:
        check_least(self, num_scenes=1, changes_per_scene=1, max_history_chars=1)

    def samples(self, material: Material) -> Iterable[Sample]:
        return [question.sample for question in _questions(self, material.corpus).values()]

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        question = _questions(self, material.corpus)[sample.id]
        return [
            ScoreContinuation(sample.prompt, question.continuation(speaker)) for speaker in question.change.candidates
        ]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        turn_change = _questions(self, material.corpus)[sample.id].change
        known = [-answer.nats for answer in answers if isinstance(answer, Likelihood) and answer.nats is not None]
        ranks = {
            "": turn_change.ranks(known) if len(known) == len(answers) else None,
            "before_last_": turn_change.ranks(turn_change.by_last_turn),
            "most_frequent_": turn_change.ranks(turn_change.by_number_of_turns),
        }
        values: dict[str, float | None] = {"next_speaker_candidates": len(turn_change.candidates)}
        for who, possible in ranks.items():
            values[f"{who}next_speaker_accuracy"] = None if possible is None else (1 in possible) / len(possible)
            values[f"{who}next_speaker_mrr"] = None if possible is None else _mean_inverse(possible)
        return Score(values)

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        """The means, with the scores of guessing at the same changes."""
        metrics = []
        for name, part in slices_of(rows):
            candidates = [int(count) for count in measured(part, "next_speaker_candidates").dropna()]
            chances = _chances(candidates) if candidates else {}
            metrics += [mean_metric(self, measure, part, name, chances.get(measure.name)) for measure in self.measures]
        return metrics


def _chances(candidates: Sequence[int]) -> dict[str, float]:
    """The scores of guessing. candidates: the number of speakers to choose from at each change."""
    return {
        "next_speaker_accuracy": float(np.mean([1 / count for count in candidates])),
        "next_speaker_mrr": float(np.mean([_mean_inverse(range(1, count + 1)) for count in candidates])),
    }


def _mean_inverse(ranks: range) -> float:
    return math.fsum(1 / rank for rank in ranks) / len(ranks)


@functools.lru_cache(maxsize=4)
def _questions(eval: NextSpeaker, corpus: Corpus) -> Mapping[str, SpeakerQuestion]:
    """All questions in order, by the sample's id.

    Scenes and changes are in random order by a fixed seed, so a smaller eval asks a part of a larger one.
    """
    scenes = sorted(_scenes(corpus), key=lambda scene: seed_of(eval.name, scene[0].id))
    return {
        question.sample.id: question
        for document, form, scene in scenes[: eval.num_scenes]
        for question in itertools.islice(_in_scene(eval, document, form, scene), eval.changes_per_scene)
    }


def _scenes(corpus: Corpus) -> Iterator[tuple[Document, TranscriptFormat, Transcript]]:
    """The held-out scenes with something to ask: transcripts in formats in which anyone may speak."""
    for document in corpus.test:
        form = corpus.format_of(document)
        if form is not None and form.speakers is None:
            scene = form.parse(document.text)
            if changes(scene):
                yield document, form, scene


def _in_scene(
    eval: NextSpeaker, document: Document, form: TranscriptFormat, scene: Transcript
) -> Iterator[SpeakerQuestion]:
    """The questions of one scene. The target is what really follows: the separator, and the next speaker's label."""
    for index in sorted(changes(scene), key=lambda index: seed_of(eval.name, document.id, index)):
        history = turns.recent(form, scene.turns[:index], eval.max_history_chars)
        if history:
            sample = Sample(
                f"{document.id}#{index}",
                form.render(Transcript(history)),
                form.between + form.label(scene.turns[index].speaker),
                document.cluster,
                {"source": document.source},
            )
            yield SpeakerQuestion(sample, change(scene, index), form)
