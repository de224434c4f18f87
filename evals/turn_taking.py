"""Turn-taking: does the model hand the conversation back, and keep to its own lines?

The model plays the assistant in held-out conversations, twice: once stopped where it hands over, as a chatbot would
stop it (at the human's label or, in a format that closes its turns, at the end of its own), and once running free, to
see whether it goes on to write the human's lines.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from harness.evaluation import Answer, Complete, Eval, Material, Request, Sample, Score, measured, metric, slices_of
from harness.record import Metric
from harness.seeds import seed_of
from harness.statistics import mean, median
from harness.text.corpus import Corpus
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, TranscriptFormat
from harness.writing import Completion

# (measure, unit, higher is better)
_SHARES = (
    ("handed_back", "share", True),
    ("within_reason", "share", True),
    ("empty_turn", "share", False),
    ("wrote_for_the_other", "share", False),
    ("alternation", "share", True),
    ("wellformed_labels", "share", True),
)


@dataclass(frozen=True)
class TurnTaking(Eval):
    """Options of the turn-taking eval."""

    name: ClassVar[str] = "turn_taking"
    version: ClassVar[int] = 1
    why_no_samples: ClassVar[str] = "the data set has no held-out conversations between a human and an assistant"

    num_samples: int = 100
    """Held-out conversations to take part in, one turn each."""
    exclude_sources: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Data sets whose conversations are left out."""
    max_history_turns: int = 6
    """The prompt holds at most so many turns before the model's own."""
    max_new_tokens: int = 160
    """Tokens that the model may write before its turn counts as never ended; also the length of the free run."""

    def __post_init__(self) -> None:
        for name in ("num_samples", "max_history_turns", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is not allowed: it must be 1 or more")

    def samples(self, material: Material) -> Iterable[Sample]:
        form = material.corpus.chat_format
        found = []
        for document in material.corpus.test:
            if document.format != form.name or document.source in self.exclude_sources:
                continue
            turns = form.parse(document.text).turns
            own = [index for index, turn in enumerate(turns) if turn.speaker == ASSISTANT and index > 0]
            if own:
                draw = seed_of(self.name, document.id)
                index = own[draw % len(own)]
                history = Transcript(turns[max(0, index - self.max_history_turns) : index])
                sample = Sample(
                    document.id,
                    form.open_turn(history, ASSISTANT),
                    target=turns[index].text,
                    cluster=document.cluster,
                    slices={"source": document.source},
                )
                found.append((draw, sample))
        # the draws also shuffle, so that a smaller eval asks part of what a larger one asks
        return [sample for _, sample in sorted(found, key=lambda pair: pair[0])[: self.num_samples]]

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [
            Complete(sample.prompt, self.max_new_tokens, stop=(material.corpus.chat_format.stop_text(HUMAN),)),
            Complete(sample.prompt, self.max_new_tokens),
        ]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        stopped, free = answers
        assert isinstance(stopped, Completion)
        assert isinstance(free, Completion)
        form = material.corpus.chat_format
        handed_back = stopped.stop_text == form.stop_text(HUMAN)
        reply = stopped.text.strip()
        return Score(
            values={
                "handed_back": handed_back,
                "within_reason": handed_back and len(reply) <= reasonable_length(material.corpus),
                "empty_turn": not reply,
                "turn_tokens": len(material.tokenizer.encode(stopped.text)),
                **free_run_measures(free.text, form),
            },
            answer=stopped.text,
            finish_reason=stopped.finish_reason,
            num_tokens=len(stopped.tokens),
        )

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        found = []
        for name, part in slices_of(rows):
            clusters = part["cluster"].to_numpy()
            for measure, unit, higher_is_better in _SHARES:
                estimate = mean(measured(part, measure).to_numpy(), clusters)
                found.append(metric(self, measure, estimate, unit, higher_is_better, name))
            tokens = median(measured(part, "turn_tokens").to_numpy(), clusters)
            found.append(metric(self, "turn_tokens", tokens, "tokens", None, name))
        return found

    def perfect_answer(self, sample: Sample) -> str:
        """What is said is not judged; a real turn may be longer than is within reason."""
        return " Yes."


def free_run_measures(continuation: str, form: TranscriptFormat) -> dict[str, float | None]:
    """What a free run after the assistant's label did with the labels; None where it wrote none to judge by.

    wrote_for_the_other: it wrote a line of the human's. alternation: share of its turn changes that went to another
    speaker. wellformed_labels: share of what looks like a label, where one may stand, that is a label of this format.
    """
    turns = form.reply(ASSISTANT, continuation)
    changes = [before.speaker != after.speaker for before, after in itertools.pairwise(turns)]
    own = {form.label(HUMAN), form.label(ASSISTANT)}
    boundaries = form.boundaries(_label_like(form)).finditer(continuation)
    labels = [boundary["label"] in own for boundary in boundaries if boundary["label"] is not None]
    return {
        "wrote_for_the_other": any(turn.speaker == HUMAN and turn.text.strip() for turn in turns),
        "alternation": float(np.mean(changes)) if changes else None,
        "wellformed_labels": float(np.mean(labels)) if labels else None,
    }


def _label_like(form: TranscriptFormat) -> str:
    """What looks like a label of a format, whoever it names, as a regular expression."""
    closing = re.escape(form.after_name[:1])
    name = rf"[^\s{closing}][^\n{closing}]{{0,30}}"
    return f"{re.escape(form.before_name)}{name}{re.escape(form.after_name)}{form.after_label}"


@functools.lru_cache(maxsize=4)
def reasonable_length(corpus: Corpus) -> float:
    """The 95th percentile of the lengths, in characters, of the assistant's turns in the held-out conversations."""
    lengths = [
        len(turn.text)
        for document in corpus.test
        if document.format == corpus.chat_format.name
        for turn in corpus.chat_format.parse(document.text).turns
        if turn.speaker == ASSISTANT
    ]
    return float(np.quantile(lengths, 0.95))
