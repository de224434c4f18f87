"""What the models wrote, side by side: after fixed prompts, and in answer to single questions of the evals.

An eval without metrics that keeps answers is a showcase: its texts are there to be read. Text of models is hostile; it
leaves this module as pieces (see untrusted), which the page's template escapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.common.numerals import number, sign
from harness.common.plurals import many
from harness.evaluation.rows import parsed
from harness.report.comparison import ANY_DECODING, Comparison, MeasureKey
from harness.report.results import Run
from harness.report.untrusted import Piece, pieces, visible

_SHOWN_CHARACTERS = 180
_MOST_CHARACTERS = 20_000
_SHOWN_ANSWER = 90
_NUM_QUESTIONS = 6
_MOST_PROMPTS = 12
_TITLE_CHARACTERS = 60


@dataclass(frozen=True)
class Text:
    """A text to show: its beginning, and the rest behind a click."""

    shown: list[Piece]
    rest: list[Piece]
    num_hidden: int
    """Characters behind the click."""
    note: str
    """'stopped by itself', 'cut at its length', ..., or ''."""


@dataclass(frozen=True)
class ShownPrompt:
    """One fixed prompt and what every system wrote after it: rows systems, columns decoding strategies."""

    title: str
    """'After “...”', in one line."""
    prompt: list[Piece]
    last_line: list[Piece]
    """The prompt's end, to read on from."""
    rows: list[tuple[str, list[tuple[str, Text | None]]]]
    """(system, [(decoding, text)]), the worst system first."""


@dataclass(frozen=True)
class ShownAnswer:
    """What one system answered, and how that was scored."""

    system: str
    text: Text
    score: str
    """'yes', 'no', a number, or '' where there is none."""


@dataclass(frozen=True)
class ShownSample:
    """One sample of an eval with everybody's answer."""

    prompt: Text
    target: list[Piece]
    answers: list[ShownAnswer]


@dataclass(frozen=True)
class ShownEval:
    """Some samples of an eval, with the answers under one decoding strategy."""

    eval: str
    measure: str
    """What right and wrong mean here."""
    decoding: str
    """'': the measure is the same under each."""
    questions: list[ShownSample]


_FINISHED = {"stop": "stopped by itself", "length": "cut at its length", "context": "context full"}


def prompts(comparison: Comparison) -> list[ShownPrompt]:
    """The showcase prompts (the first dozen) in the records' order, each system at its lowest seed."""
    measured = {metric.eval for run in comparison.results.runs for metric in run.record.metrics}
    written: dict[tuple[str, str], dict[tuple[str, str], Any]] = {}
    for run in _first_seeds(comparison):
        rows = run.samples
        for row in rows[~rows["eval"].isin(measured) & rows["answer"].notna()].itertuples(index=False):
            key = (str(row.eval), _string(row.prompt))
            written.setdefault(key, {}).setdefault((run.system, run.decoding), row)
    return [
        ShownPrompt(
            title=_title(prompt),
            prompt=pieces(prompt),
            last_line=pieces(prompt.rsplit("\n", 1)[-1]),
            rows=[
                (system, [(d, _written(cells.get((system, d)))) for d in comparison.decodings])
                for system in comparison.systems
                if any((system, d) in cells for d in comparison.decodings)
            ],
        )
        for (_, prompt), cells in list(written.items())[:_MOST_PROMPTS]
    ]


def questions(comparison: Comparison) -> list[ShownEval]:
    """The first samples of every eval that keeps answers, under its headline's best decoding strategy."""
    evals = []
    for measure in (m for m in comparison.headlines if m.eval in comparison.answered):
        decoding = comparison.best_decoding(measure)
        asked: dict[str, dict[str, Any]] = {}
        for run in _first_seeds(comparison):
            if decoding in (run.decoding, ANY_DECODING):
                rows = run.samples
                for row in rows[rows["eval"] == measure.eval].head(_NUM_QUESTIONS).itertuples(index=False):
                    asked.setdefault(str(row.sample_id), {}).setdefault(run.system, row)
        shown = [_question(comparison, answers, measure) for answers in list(asked.values())[:_NUM_QUESTIONS]]
        if shown:
            evals.append(ShownEval(measure.eval, measure.metric, "" if decoding == ANY_DECODING else decoding, shown))
    return evals


def _first_seeds(comparison: Comparison) -> list[Run]:
    """The runs of each system and decoding strategy at the lowest seed that has samples."""
    first: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(comparison.results.runs, key=lambda run: (run.record.seed, run.record.run_id)):
        if not run.samples.empty:
            of_system = first.setdefault((run.system, run.decoding), [run])
            if run is not of_system[0] and run.record.seed == of_system[0].record.seed:
                of_system.append(run)
    return [run for of_system in first.values() for run in of_system]


def _question(comparison: Comparison, answers: dict[str, Any], measure: MeasureKey) -> ShownSample:
    """A sample with its rows by system."""
    any_row = next(iter(answers.values()))
    return ShownSample(
        prompt=_text(_string(any_row.prompt), _SHOWN_CHARACTERS, ""),
        target=pieces(_string(any_row.target)),
        answers=[
            ShownAnswer(s, _text(_string(answers[s].answer), _SHOWN_ANSWER, ""), _score(answers[s].values, measure))
            for s in comparison.systems
            if s in answers
        ],
    )


def _score(values: object, measure: MeasureKey) -> str:
    """'yes' or 'no' where that is what was noted; a number in its unit."""
    value = parsed(values).get(measure.metric)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value, measure.unit) + sign(measure.unit) if isinstance(value, int | float) else ""


def _title(prompt: str) -> str:
    if not prompt:
        return "At the opening of a document (an empty prompt)"
    line = " ".join(visible(prompt).split())
    return f"After “{line}”" if len(line) <= _TITLE_CHARACTERS else f"After “… {line[-_TITLE_CHARACTERS:]}”"


def _written(row: Any) -> Text | None:
    if row is None:
        return None
    answer, finish = _string(row.answer), _string(row.finish_reason)
    note = _FINISHED.get(finish, finish)
    if not answer.strip():
        what = f"{many(len(answer), 'character')} of white space" if answer else "nothing"
        note = ", ".join(filter(None, [what, note]))
    return _text(answer if answer.strip() else "", _SHOWN_CHARACTERS, note)


def _text(text: str, shown: int, note: str) -> Text:
    """The text's pieces, cut after `shown` characters (a little more is shown whole)."""
    if (num_left := len(text) - _MOST_CHARACTERS) > 0:
        note = (
            f"{note}, " * bool(note) + f"{many(num_left, 'more character is', 'more characters are')} not in this page"
        )
        text = text[:_MOST_CHARACTERS]
    cut = shown if len(text) > 1.2 * shown else len(text)
    return Text(pieces(text[:cut]), pieces(text[cut:]), len(text) - cut, note)


def _string(value: object) -> str:
    return "" if value is None or value is pd.NA or isinstance(value, float) else str(value)
