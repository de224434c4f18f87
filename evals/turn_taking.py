"""Turn-taking: does the model end its turn about as a person does, and write only its own turns?

The model takes the assistant's turns in held-out conversations, each of them twice. Once it is stopped where it hands
over, as a chatbot stops it (at the human's label or, in a format with end texts, at the end of its turn). Once it runs
free, to see whether it goes on to write the human's lines. Its turn is its own text up to the first text that looks
like a label, so invented speakers don't count. Turns count as the same where only case, spaces and punctuation differ.

Measures of the stopped reply:

`took_its_turn`, the headline: the share of replies that were handed back, within reason, not empty, not an echo, and
not overused. A reply is overused if the model gives it to more than 5 % of the prompts (and to at least two), and to
more than twice as many as people do. So a model that always says the same, repeats the prompt, says nothing or never
stops gets a score near 0. `handed_back`: the share that ended with the text that hands over, outside quotation marks,
brackets and code that the reply opened (inside them, the reply quoted that text and was cut by its own words).
`ended_by_end_token`: the share that ended because the model ended the document. All others ran until the length limit.
`within_reason`: of replies handed back, the share not shorter than the 5th and not longer than the 95th percentile of
real turns, in characters, without the white space around them. `empty_turn`: it has nothing visible. `echoed`: it
repeats a turn of the prompt, up to one different character in ten. `same_reply`: the share of the most frequent reply.
`ended_in_mid_word`: of replies handed back that aren't empty, the share that end with letters that aren't a word of the
data set. `turn_tokens`: their median length. `turn_tokens_distance`: the distance between the lengths of replies within
reason and of real turns (Kolmogorov-Smirnov).

Measures of the free run: `wrote_for_the_other`, `alternation`, `wellformed_labels` (`free_run_measures` in
evals/conversation_parts/turns.py).

A measure whose name begins with `real_` is the same measure of what people said in the same places.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from evals.conversation_parts import turns
from harness.common.options import check_least, check_most
from harness.common.seeds import seed_of
from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material, metric_of
from harness.evaluation.metric import Baseline, Measure, Metric
from harness.evaluation.requests import MOST_NEW_TOKENS, Answer, Complete, Request, Sample, Score
from harness.evaluation.rows import measured, slices_of
from harness.statistics.derived import without_interval
from harness.statistics.intervals import median
from harness.text.transcript import ASSISTANT, HUMAN, Turn
from harness.text.turn_text import is_empty, left_open, own_turn

if TYPE_CHECKING:
    import pandas as pd

_NO_TURNS = "no turn that isn't empty ended in time"
# Measured for the jackknife: 50 to 91 % of its 95 % intervals cover.
_OF_LENGTHS = "no interval: none is known that covers as often as it says"


@dataclass(frozen=True)
class TurnTaking(Eval):
    """Options of the turn-taking eval."""

    name: ClassVar[str] = "turn_taking"
    version: ClassVar[int] = 5
    has_wrong_answers: ClassVar[bool] = False
    descriptions: ClassVar[Mapping[str, str]] = {
        "took_its_turn": (
            "Share of the replies that are handed back, of usual length, not empty, no echo, and not given to "
            "many prompts."
        ),
        "handed_back": (
            "Share of the replies that the model ends with the text that gives the turn to the human, such as "
            "the human's label."
        ),
        "ended_by_end_token": (
            "Share of the replies that the model ends by ending the whole document. They are not handed back, "
            "and did not run on either."
        ),
        "within_reason": (
            "Share of the replies handed back that are no shorter than the 5th and no longer than the 95th "
            "percentile of real turns."
        ),
        "empty_turn": "Share of the replies in which nothing can be seen.",
        "echoed": "Share of the replies that repeat an earlier turn of the conversation, to one character in ten.",
        "same_reply": "Share of the replies that are the model's most frequent one.",
        "ended_in_mid_word": "Share of the replies handed back that end with letters that are no word of the data set.",
        "wrote_for_the_other": (
            "Share of the texts in which the model, when nothing stops it, goes on to write the human's lines."
        ),
        "alternation": "When nothing stops the model: share of its changes of turn that go to another speaker.",
        "wellformed_labels": "When nothing stops the model: share of what looks like a speaker's label and is one.",
        "turn_tokens": "Median length of the replies, in the model's own tokens.",
        "turn_tokens_distance": (
            "How far the lengths of replies are from those of real turns: the Kolmogorov-Smirnov statistic, 0 "
            "(alike) to 1."
        ),
    }
    why_no_samples: ClassVar[str] = "the data set has no held-out conversations between a human and an assistant"
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("took_its_turn"),
        Measure("handed_back"),
        Measure("ended_by_end_token", higher_is_better=None),
        Measure("within_reason", why_missing="no turn was handed back"),
        Measure("empty_turn", higher_is_better=False),
        Measure("echoed", higher_is_better=False),
        Measure("same_reply", higher_is_better=None),
        Measure(
            "ended_in_mid_word",
            higher_is_better=False,
            why_missing="every turn that was handed back is empty",
        ),
        Measure("wrote_for_the_other", higher_is_better=False),
        Measure("alternation", why_missing="no free run has a change of turn"),
        Measure("wellformed_labels", why_missing="no free run has text that looks like a label"),
        *(
            Measure(f"real_{measure}", higher_is_better=None, baseline=Baseline(measure, "real"))
            for measure in ("took_its_turn", "within_reason", "echoed", "same_reply")
        ),
    )

    num_samples: int = 200
    """Turns to take in held-out conversations: one in each, then a second one in each, and so on."""
    exclude_sources: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Data sets whose conversations are left out, here and when the lengths of real turns are measured."""
    max_history_turns: int = 6
    """The prompt has at most this many turns before the model's own."""
    max_new_tokens: int = 160
    """Tokens that the model may write before its turn counts as never ended; also the length of the free run."""

    def __post_init__(self) -> None:
        check_least(self, num_samples=1, max_history_turns=1, max_new_tokens=1)
        check_most(self, max_new_tokens=MOST_NEW_TOKENS)

    def samples(self, material: Material) -> Iterable[Sample]:
        to_take = turns.to_take(material.corpus, self.exclude_sources, self.max_history_turns, self.name)
        return list(itertools.islice(to_take, self.num_samples))

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        stop = material.corpus.chat_format.stop_text(HUMAN)
        return [
            Complete(sample.prompt, self.max_new_tokens, stop=(stop,)),
            Complete(sample.prompt, self.max_new_tokens),
        ]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        stopped, free = (answer for answer in answers if isinstance(answer, Completion))
        form, encode = material.corpus.chat_format, material.tokenizer.encode
        handed_back = stopped.stop_text == form.stop_text(HUMAN) and not left_open(stopped.text)
        turn = own_turn(form, stopped.text)
        *history, _ = form.parse(sample.prompt).turns
        is_turn = handed_back and not is_empty(turn)
        words = turns.corpus_words(material.corpus)
        values = {
            "handed_back": handed_back,
            "ended_by_end_token": stopped.finish_reason == "stop" and stopped.stop_text is None,
            "within_reason": self._within_reason(turn, material) if handed_back else None,
            "empty_turn": is_empty(turn),
            "echoed": turns.echoed(turn, history),
            "ended_in_mid_word": turns.ended_in_mid_word(turn, words) if is_turn else None,
            "turn_tokens": len(encode(turn)) if is_turn else None,
            **turns.free_run_measures(free.text, form),
            "real_within_reason": self._within_reason(sample.target, material),
            "real_echoed": turns.echoed(sample.target, history),
            "real_turn_tokens": len(encode(form.body(Turn(ASSISTANT, sample.target)))),
        }
        return Score(values, stopped.text, stopped.finish_reason, num_tokens=len(stopped.tokens))

    def score_together(self, samples: Sequence[Sample], scores: Sequence[Score], material: Material) -> Sequence[Score]:
        """Adds measures that need all replies: which one is the most frequent, and which are overused."""
        if not samples:
            return scores
        form = material.corpus.chat_format
        replies = [turns.folded(own_turn(form, score.answer)) for score in scores]
        real = [turns.folded(sample.target) for sample in samples]
        prompts = [sample.prompt for sample in samples]
        overused = turns.overused(
            list(zip(prompts, replies, strict=True)),
            list(zip(prompts, real, strict=True)),
        )
        most, real_most = turns.most_frequent(replies), turns.most_frequent(real)
        together = []
        for sample, score, reply, real_reply in zip(samples, scores, replies, real, strict=True):
            values = dict(score.values)
            fits = values["handed_back"] and values["within_reason"]
            fits = fits and not values["empty_turn"] and not values["echoed"]
            real_fits = values["real_within_reason"] and not is_empty(sample.target)
            more = {
                "took_its_turn": bool(fits) and reply not in overused,
                "same_reply": reply == most,
                "real_took_its_turn": bool(real_fits) and not values["real_echoed"],
                "real_same_reply": real_reply == real_most,
            }
            together.append(dataclasses.replace(score, values={**values, **more}))
        return together

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        means = super().metrics(rows)
        return means + [metric for name, part in slices_of(rows) for metric in self._lengths(part, name)]

    def perfect_answer(self, sample: Sample, request: Request) -> str:
        """What is said is not judged, but may not be the same to all; a real turn may be too long."""
        return f" Yes, quite so; {seed_of(sample.prompt) % 10**6}."

    def _within_reason(self, turn: str, material: Material) -> bool:
        shortest, longest = turns.usual_lengths(material.corpus, self.exclude_sources)
        return shortest <= len(turn.strip()) <= longest

    def _lengths(self, rows: pd.DataFrame, name: str) -> Iterator[Metric]:
        """The lengths of turns, and their distance from the lengths of real turns; both only within reason."""
        clusters = rows["cluster"].to_numpy()
        sides = []
        for who in ("", "real_"):
            lengths = measured(rows, f"{who}turn_tokens").to_numpy()
            tokens = median(lengths, clusters)
            if tokens.value is None:
                tokens = dataclasses.replace(tokens, reason=_NO_TURNS)
            baseline = Baseline("turn_tokens", "real") if who else None
            yield metric_of(self, f"{who}turn_tokens", tokens, "tokens", None, name, baseline=baseline)
            in_time = measured(rows, f"{who}within_reason").to_numpy() == 1
            sides.append(
                [length if ok and not math.isnan(length) else None for ok, length in zip(in_time, lengths, strict=True)]
            )
        pairs = list(zip(*sides, strict=True))
        distance = without_interval(turns.length_distance(pairs), len(pairs), _OF_LENGTHS, _NO_TURNS)
        distance = dataclasses.replace(distance, n=sum(length is not None for length in sides[0]))
        yield metric_of(self, "turn_tokens_distance", distance, "Kolmogorov-Smirnov", False, name)
