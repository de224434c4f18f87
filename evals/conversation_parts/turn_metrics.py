"""The metrics of turn-taking, from stored rows. Each rests on the rows of its own kind."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from evals.conversation_parts import turn_ends, turns
from harness.evaluation.eval import Eval, metric
from harness.evaluation.metric import Metric
from harness.evaluation.rows import measured
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean, median
from harness.statistics.jackknife import jackknife

KINDS = ("reply", "format", "turn_end", "next_speaker")
"""What the samples' ids begin with."""
_WHY_NONE = {
    "reply": "the data set has no held-out conversations between a human and an assistant",
    "format": "the data set has no held-out conversations between a human and an assistant",
    "turn_end": "no held-out conversation was asked for, or none has a turn of the assistant's between two of the "
    "human's within so much text",
    "next_speaker": "no held-out scene was asked for, or none has three speakers or more and turns within so much text",
}
# (measure, unit, higher is better, why it may be missing)
_MEANS: dict[str, tuple[tuple[str, str, bool | None, str], ...]] = {
    "reply": (
        ("handed_back", "share", True, ""),
        ("within_reason", "share", True, "no turn was handed back"),
        ("empty_turn", "share", False, ""),
        ("ended_in_mid_word", "share", False, "no turn was handed back with anything in it"),
        ("echoed", "share", False, f"no line of the human's has {turns.FEWEST_WORDS_ECHOED} words"),
        ("wrote_for_the_other", "share", False, ""),
        ("alternation", "share", True, "nobody took over in any free run"),
        ("wellformed_labels", "share", True, "no free run has anything that looks like a label"),
        ("real_within_reason", "share", None, ""),
        ("real_echoed", "share", None, f"no line of the human's has {turns.FEWEST_WORDS_ECHOED} words"),
    ),
    "format": (
        ("cut_by_its_own_words", "share", False, ""),
        (
            "cut_by_its_own_words_label_tokens",
            "share",
            False,
            "the tokenizer has no token that hands over (tokenizer.speaker_tokens=true makes labels tokens)",
        ),
    ),
    "turn_end": (("turn_end_base_rate", "share", None, ""),),
    "next_speaker": tuple(
        (f"{who}next_speaker_{measure}", unit, better if not who else None, "")
        for who in ("", "before_last_", "most_frequent_")
        for measure, unit, better in (("accuracy", "share", True), ("mrr", "reciprocal rank", True))
    ),
}
_MEDIANS = ("turn_tokens", "real_turn_tokens")
_NO_TURNS = "no turn that isn't empty ended in time"
_ALL_ALIKE = "no turn ends at any of the places, or one ends at each"


def metrics_of(eval: Eval, kind: str, rows: pd.DataFrame, name: str) -> list[Metric]:
    """All metrics of the samples of one kind in the slice of that name; without any, each says why."""
    others = {"reply": _lengths, "turn_end": _forecasts}.get(kind)
    found = [*_means(eval, kind, rows, name), *(others(eval, rows, name) if others else ())]
    if len(rows):
        return found
    return [dataclasses.replace(one, reason=_WHY_NONE[kind]) for one in found]


def _means(eval: Eval, kind: str, rows: pd.DataFrame, name: str) -> Iterator[Metric]:
    clusters = rows["cluster"].to_numpy()
    candidates = [int(count) for count in measured(rows, "next_speaker_candidates").dropna()]
    guesses = {
        "next_speaker_accuracy": [1 / count for count in candidates],
        "next_speaker_mrr": [math.fsum(1 / rank for rank in range(1, count + 1)) / count for count in candidates],
    }
    for measure, unit, higher_is_better, missing in _MEANS[kind]:
        stored = measure.removesuffix("_base_rate")
        estimate = mean(measured(rows, stored).to_numpy(), clusters)
        if estimate.value is None and missing:
            estimate = dataclasses.replace(estimate, reason=missing)
        guessed = guesses.get(measure)
        chance = float(np.mean(guessed)) if guessed else None
        yield metric(eval, measure, estimate, unit, higher_is_better, name, chance)


def _lengths(eval: Eval, rows: pd.DataFrame, name: str) -> Iterator[Metric]:
    """How long turns are, and how far that is from how long real ones are; of both those within reason."""
    clusters = rows["cluster"].to_numpy()
    for measure in _MEDIANS:
        tokens = median(measured(rows, measure).to_numpy(), clusters)
        if tokens.value is None:
            tokens = dataclasses.replace(tokens, reason=_NO_TURNS)
        yield metric(eval, measure, tokens, "tokens", None, name)
    sides = []
    for who in ("", "real_"):
        in_time = measured(rows, f"{who}within_reason").to_numpy() == 1
        lengths = measured(rows, f"{who}turn_tokens").to_numpy()
        sides.append(
            [tokens if ok and not math.isnan(tokens) else None for ok, tokens in zip(in_time, lengths, strict=True)]
        )
    distance = _within(jackknife(turns.length_distance, list(zip(*sides, strict=True)), clusters, _NO_TURNS))
    distance = dataclasses.replace(distance, n=sum(tokens is not None for tokens in sides[0]))
    yield metric(eval, "turn_tokens_distance", distance, "Kolmogorov-Smirnov", False, name)


def _forecasts(eval: Eval, rows: pd.DataFrame, name: str) -> Iterator[Metric]:
    """How well the ends of turns are foreseen: of a model that gives some place no probability, nothing."""
    clusters = rows["cluster"].to_numpy()
    came, probability = (measured(rows, measure).to_numpy() for measure in ("turn_end", "turn_end_probability"))
    base_rate = float(np.mean(came)) if len(rows) and not np.isnan(came).any() else None
    brier = mean(measured(rows, "turn_end_brier").to_numpy(), clusters)
    forecasts = [(float(p), bool(y)) for p, y in zip(probability, came, strict=True)]
    if refused := int((np.isnan(probability) | np.isnan(came)).sum()):
        # The rest would be the places that the model likes.
        reason = f"the model gives {refused} of {len(rows)} places no probability"
        nothing = Estimate(None, 0, len(rows), reason=reason)
        areas, brier = [nothing, nothing], nothing
    else:
        areas = [
            _within(jackknife(statistic, forecasts, clusters, _ALL_ALIKE))
            for statistic in (turn_ends.auc, turn_ends.average_precision)
        ]
    constant = None if base_rate is None else base_rate * (1 - base_rate)
    yield metric(eval, "turn_end_auc", areas[0], "area", True, name, 0.5)
    yield metric(eval, "turn_end_average_precision", areas[1], "area", True, name, base_rate)
    yield metric(eval, "turn_end_brier", brier, "squared error", False, name, constant)


def _within(estimate: Estimate) -> Estimate:
    """Of what lies between 0 and 1, with an interval that does too."""
    if estimate.ci_low is None or estimate.ci_high is None:
        return estimate
    return dataclasses.replace(estimate, ci_low=max(0.0, estimate.ci_low), ci_high=min(1.0, estimate.ci_high))
