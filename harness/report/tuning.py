"""What a search over settings found: a table, sentences to be cautious about, and plots of the expected best."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.common.files import write_bytes
from harness.common.numerals import number, quantity
from harness.common.plurals import many
from harness.common.seeds import seed_of
from harness.report.plots.style import Plot, plotting
from harness.report.plots.tuning import BestSoFar, expected_best
from harness.report.untrusted import markdown_cell
from harness.runs.tuning.settings import TuneSettings
from harness.runs.tuning.space import at_the_edge
from harness.runs.tuning.trials import Tuned, confirmed_mean
from harness.statistics.expected_best import expected_lowest, expected_lowest_band

PAGE_FILE = "tuning.md"
_UNIT = "bits/byte"


@dataclass(frozen=True)
class TuningReport:
    """What a search found, to be printed."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """One for each family, the best first."""
    cautions: tuple[str, ...]
    """Sentences."""


def report_tuning(tuned: Sequence[Tuned], tune: TuneSettings, folder: Path) -> TuningReport:
    """Write the table (tuning.md) and the plots into a tuning folder; returns what they say."""
    with_trials = sorted((each for each in tuned if each.trials), key=_order)
    report = TuningReport(*_table(with_trials, tune), tuple(_cautions(with_trials, tune)))
    write_bytes(folder / PAGE_FILE, _page(report, tune).encode())
    for plot in _plots(with_trials, tune):
        for ending, content in (("svg", plot.svg), ("png", plot.png)):
            write_bytes(folder / f"{plot.name}.{ending}", content)
    return report


def _order(tuned: Tuned) -> tuple[bool, float]:
    value = _chosen_value(tuned)
    return value is None, value or 0.0


def _chosen_value(tuned: Tuned) -> float | None:
    """The value that the choice was made by."""
    if tuned.best is None:
        return None
    mean = confirmed_mean(tuned.confirmations, tuned.best.number)
    return tuned.best.validation_bits_per_byte if mean is None else mean


def _table(tuned: Sequence[Tuned], tune: TuneSettings) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    confirmed = (f"mean over {many(tune.confirm_seeds, 'other seed')}",) if tune.confirm_seeds else ()
    columns = ("family", "trials", "without a value", "best bits per byte", *confirmed)
    columns += ("mean over trials", "parameters", "seconds", "FLOPs", "best settings")
    rows = []
    for each in tuned:
        best, everything = each.best, [*each.trials, *each.confirmations]
        values = [trial.validation_bits_per_byte for trial in each.trials]
        one = expected_lowest(values, 1)[0]
        mean = None if best is None else confirmed_mean(each.confirmations, best.number)
        rows.append(
            (
                each.family.name,
                str(len(each.trials)),
                str(values.count(None)),
                number(best.validation_bits_per_byte if best else None, _UNIT),
                *((number(mean, _UNIT),) if confirmed else ()),
                number(None if np.isnan(one) else float(one), _UNIT),
                quantity(best.num_params if best else None),
                quantity(sum(trial.seconds or 0 for trial in everything)),
                quantity(sum(trial.flops or 0 for trial in everything)),
                settings_text(best.settings) if best else "–",
            )
        )
    return columns, tuple(rows)


def settings_text(settings: Mapping[str, str]) -> str:
    """Settings as overrides: 'model.num_layers=2 training.batch_tokens=512'."""
    return " ".join(shlex.quote(f"{key}={value}") for key, value in settings.items())


def _cautions(tuned: Sequence[Tuned], tune: TuneSettings) -> list[str]:
    cautions = []
    searched = [each for each in tuned if each.family.space]
    counts = {each.family.name: len(each.trials) for each in searched}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        cautions.append(
            f"The families did not get the same number of trials ({listed}): compare them at the same number in "
            "expected_best_trials."
        )
    if fixed := [each.family.name for each in tuned if not each.family.space]:
        cautions.append(f"Nothing was searched for {', '.join(fixed)}: one trial with the settings as they are.")
    for each in searched:
        if each.best is not None:
            for key, end in at_the_edge(each.family, each.best.settings).items():
                cautions.append(
                    f"{each.family.name}: the best {key} ({each.best.settings[key]}) is at {end} end of what was "
                    "searched. A wider search may find a better one."
                )
    if tune.confirm_seeds == 0 and any(len(each.trials) > 1 for each in tuned):
        cautions.append(
            "The best of many trials is also the luckiest: its value is too good. tune.confirm_seeds=3 fits the best "
            "settings again with other seeds and chooses by their mean."
        )
    return cautions


def _page(report: TuningReport, tune: TuneSettings) -> str:
    """The table and the cautions as Markdown."""
    lines = [
        f"# Search over settings: {many(tune.trials, 'trial')} a family, searcher {tune.searcher}",
        "",
        "All bits per byte are of validation text; test text was not looked at. Seconds and FLOPs are of all trials "
        "together.",
        "",
        f"| {' | '.join(report.columns)} |",
        f"|{'---|' * len(report.columns)}",
        *(f"| {' | '.join(map(markdown_cell, row))} |" for row in report.rows),
        "",
        *(f"- {caution}" for caution in report.cautions),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _plots(tuned: Sequence[Tuned], tune: TuneSettings) -> list[Plot]:
    lines = [_best_so_far(each, tune) for each in tuned]
    if tune.searcher == "tpe":
        caption = (
            "The best of the trials so far, in the order in which tpe made them. There are no intervals, because each "
            "trial follows from those before."
        )
    else:
        caption = (
            "The expected best of so many trials drawn from all of them (Dodge et al. 2019). Bands are 95 % bootstrap "
            "intervals over trials. A trial without a value counts as drawn."
        )
    with plotting():
        plots = [expected_best(lines, along, caption) for along in ("trials", "training seconds", "training FLOPs")]
    return [plot for plot in plots if plot is not None]


def _best_so_far(tuned: Tuned, tune: TuneSettings) -> BestSoFar:
    values = [trial.validation_bits_per_byte for trial in tuned.trials]
    numbers = np.arange(1, len(values) + 1)
    seconds = np.array([trial.seconds or 0 for trial in tuned.trials])
    flops = np.array([trial.flops or 0 for trial in tuned.trials])
    name = tuned.family.name
    if tune.searcher == "tpe":
        costs = {"training seconds": np.cumsum(seconds), "training FLOPs": np.cumsum(flops)}
        known = np.array([np.nan if value is None else value for value in values])
        return BestSoFar(name, np.fmin.accumulate(known), None, None, costs)
    costs = {"training seconds": seconds.mean() * numbers, "training FLOPs": flops.mean() * numbers}
    low, high = expected_lowest_band(values, len(values), seed_of("tuning", name))
    return BestSoFar(name, expected_lowest(values, len(values)), low, high, costs)
