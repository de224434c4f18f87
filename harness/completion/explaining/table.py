"""An explanation in a terminal: a small table for each step."""

from __future__ import annotations

import json

from rich import box
from rich.table import Table
from rich.text import Text

from harness.common.numerals import probability
from harness.common.terminal import cell
from harness.common.visible import visible
from harness.completion.explaining.steps import ExplainedStep, Explanation


def tables(explanation: Explanation) -> list[Table]:
    """A table for each token: its candidates in rows, the model and each transform in columns."""
    return [_table(number, step) for number, step in enumerate(explanation.steps, 1)]


def spelled(text: str) -> str:
    """A text in quotes, on one line, safe to show."""
    return visible(json.dumps(text, ensure_ascii=False))


def _table(number: int, step: ExplainedStep) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title=cell(f"token {number}: {spelled(step.chosen.text)}, rank {step.rank}, {step.surprise_bits:.2f} bits"),
        title_justify="left",
    )
    table.add_column("")
    table.add_column("token")
    table.add_column("model", justify="right")
    for stage in step.stages:
        table.add_column(cell(stage.name), justify="right")
    for candidate in step.candidates:
        cells = [
            _share(candidate.expected),
            *(_share(left) if left else Text("removed", "dim") for left in candidate.left),
        ]
        is_removed = bool(candidate.left) and not candidate.left[-1]
        style = "bold green" if candidate.is_chosen else "dim" if is_removed else ""
        table.add_row(
            Text(">" if candidate.is_chosen else ""),
            cell(spelled(candidate.text)),
            *cells,
            style=style,
        )
    if step.num_others:
        table.add_row(Text(), Text(f"{step.num_others:,} others"), _share(step.others_expected), style="dim")
    if any(stage.num_removed for stage in step.stages):
        removed = (f"{stage.num_removed:,} with {100 * stage.mass_removed:.1f} %" for stage in step.stages)
        table.add_row(Text(), Text("removed in all"), Text(), *map(Text, removed), style="dim")
    return table


def _share(value: float) -> Text:
    return Text(probability(value))
