"""The page: one self-contained HTML file that asks nothing of a network and runs no script.

Everything is escaped by the template (autoescape) except our own plots; a content security policy forbids scripts and
outside requests besides, whatever text the models wrote.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd
from markupsafe import Markup

from harness.common.numerals import number, quantity
from harness.common.results_folder import CONFIG_FILE, CURVE_FILE, LOG_FILE, RUN_FILE, SAMPLES_FILE, TEXT_FOLDER
from harness.report.baselines import baselines, measures_of_models
from harness.report.changes import change_table, changes
from harness.report.comparison import ANY_DECODING, Comparison, MeasureKey
from harness.report.conclusions import findings
from harness.report.crossings import crossing_sentences
from harness.report.early import early_order
from harness.report.facts import facts, warnings
from harness.report.neighbours import next_models, next_strategies
from harness.report.pairs import pairs_of
from harness.report.palette import DARK_INKS, DARK_PALETTE, INK, MUTED, PALETTE, PAPER, RULE
from harness.report.plots.style import Plot, inline_svg, looks
from harness.report.result_lines import Column, TableCell, result_lines, table_cell, usual_counts
from harness.report.results import Run
from harness.report.showcase import prompts, questions
from harness.report.stages import stage_lines, stage_rows
from harness.report.summary import intervals_cover
from harness.report.swept import MOST_OPTIONS, swept
from harness.report.untrusted import pieces, visible
from harness.report.verdicts import Verdicts
from harness.report.wording import direction, heading, options_text, words


@dataclass(frozen=True)
class Row:
    """One line of the main table; `span` is how many lines its model takes, 0 on all but the first of them."""

    model: str
    colour: str
    span: int
    parameters: str
    seconds: str
    shared: list[TableCell]
    """Measures that no decoding strategy changes."""
    decoding: str
    own: list[TableCell]


@dataclass(frozen=True)
class Word:
    """An entry of the glossary."""

    id: str
    name: str
    text: str


def render(comparison: Comparison, verdicts: Verdicts, plots: list[Plot], folder: Path) -> bytes:
    """The whole page as UTF-8 HTML. folder: where it will lie, from which its links go to the runs' files."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(words=words, visible=visible, pieces=pieces, quantity=quantity)
    template = environment.get_template("report.html")
    return template.render(_context(comparison, verdicts, plots, folder)).encode("utf-8", "replace")


def _context(comparison: Comparison, verdicts: Verdicts, plots: list[Plot], folder: Path) -> dict[str, Any]:
    shared = [m for m in comparison.headlines if comparison.decodings_of(m) == (ANY_DECODING,)]
    own = [m for m in comparison.headlines if m not in shared]
    svgs = {plot.name: Markup(inline_svg(plot.svg, f"p{place}")) for place, plot in enumerate(plots)}
    return {
        "title": _title(comparison),
        "facts": facts(comparison),
        "warnings": warnings(comparison),
        "findings": findings(comparison, verdicts),
        "intervals_cover": intervals_cover(comparison),
        "shared": [_column(comparison, m) for m in shared],
        "own": [_column(comparison, m) for m in own],
        "rows": _rows(comparison, verdicts, shared, own),
        "plots": [(plot, svgs[plot.name]) for plot in plots],
        "drawn_sections": {plot.section for plot in plots},
        "undrawn": [option.axis for option in swept(comparison)[MOST_OPTIONS:]],
        "prompts": prompts(comparison),
        "questions": questions(comparison),
        "neighbours": [
            table for m in comparison.headlines if (table := next_models(comparison, verdicts.models, m)).rows
        ],
        "strategies": [
            table
            for m in own
            if (table := next_strategies(comparison, verdicts.strategies, m)).rows and not table.why_not
        ],
        "ranks": _ranks(verdicts.ranks),
        "crossings": crossing_sentences(verdicts.crossings),
        "early_order": early_order(comparison),
        "stages": stage_lines(stage_rows(comparison)),
        "changes": change_table(changes(comparison), comparison.headlines),
        "measures": _measures(verdicts.measures),
        "everything": _everything(comparison),
        "missing": _missing(comparison),
        "settings": _settings(comparison),
        "glossary": _glossary(comparison),
        "runs": [_run_row(run, folder) for run in comparison.results.runs],
        "unfinished": [folder.name for folder in comparison.results.unfinished],
        "decodings": comparison.decodings,
        "seeds": sorted({run.record.seed for run in comparison.results.runs}),
        "light": {"ink": INK, "muted": MUTED, "rule": RULE, "paper": PAPER} | _numbered(PALETTE),
        "dark": DARK_INKS | _numbered(DARK_PALETTE),
    }


def _ranks(ranks: pd.DataFrame) -> list[dict[str, str]]:
    """The ranking, as text."""
    return [
        {
            "model": str(row["model"]),
            "rank": f"{row['rank']} [{row['rank_ci_low']}, {row['rank_ci_high']}]",
            "strength": "{} [{}, {}]".format(
                *(f"{round(row[name], 2) + 0:.2f}" for name in ("strength", "strength_ci_low", "strength_ci_high"))
            ),
            "win_rate": f"{100 * row['win_rate']:.1f} %",
            "measures": ", ".join(words(name.partition(".")[2]) for name in row["measures"].split(", ")),
        }
        for row in ranks.to_dict("records")
    ]


def _measures(table: pd.DataFrame) -> list[dict[str, str]]:
    """How well each measure tells models apart, as text, the best first."""
    known = table[table["signal_to_noise"].notna()].sort_values("signal_to_noise", ascending=False)
    return [
        {
            "name": f"{words(row['eval'])}: {heading(row['metric'], row['unit'])}",
            **{name: number(row[name], row["unit"]) for name in ("median_difference", "noise_seeds", "noise_samples")},
            "signal_to_noise": f"{row['signal_to_noise']:.1f}",
        }
        for row in known.to_dict("records")
    ]


def _title(comparison: Comparison) -> str:
    return ", ".join(sorted({run.record.experiment for run in comparison.results.runs}))


def _numbered(palette: tuple[str, ...]) -> dict[str, str]:
    return {f"c{place}": colour for place, colour in enumerate(palette)}


def _rows(comparison: Comparison, verdicts: Verdicts, shared: list[MeasureKey], own: list[MeasureKey]) -> list[Row]:
    style = looks(comparison.systems)
    lead = {(m, d): _leaders(comparison, verdicts, m, d) for m in shared + own for d in comparison.decodings_of(m)}
    lines = result_lines(comparison)
    spans = Counter(line.system for line in lines)
    seen: set[str] = set()
    rows = []
    for line in lines:
        system, decoding = line.system, line.decoding
        rows.append(
            Row(
                model=system,
                colour=f"c{PALETTE.index(style[system].colour)}",
                span=0 if system in seen else spans[system],
                parameters=quantity(line.num_params),
                seconds=quantity(line.seconds),
                shared=[
                    _table_cell(comparison, m, system, ANY_DECODING, system in lead[m, ANY_DECODING]) for m in shared
                ],
                decoding=decoding,
                own=[_table_cell(comparison, m, system, decoding, system in lead[m, decoding]) for m in own],
            )
        )
        seen.add(system)
    return rows


def _column(comparison: Comparison, measure: MeasureKey) -> Column:
    best_under = comparison.only_best_decoding(measure) if direction(measure) else None
    return Column(
        heading(measure.metric, measure.unit),
        direction(measure),
        _usual_counts(comparison, measure),
        best_under or "",
        f"#{_word_id(comparison, measure)}" if comparison.description(measure) else "",
    )


def _word_id(comparison: Comparison, measure: MeasureKey) -> str:
    return f"word-{comparison.measures.index(measure)}"


def _glossary(comparison: Comparison) -> list[tuple[str, list[Word]]]:
    """What each measure is, by eval."""
    words_of: dict[str, list[Word]] = {}
    for measure in comparison.measures:
        if text := comparison.description(measure):
            word = Word(_word_id(comparison, measure), measure.metric, text)
            words_of.setdefault(measure.eval, []).append(word)
    return list(words_of.items())


def _usual_counts(comparison: Comparison, measure: MeasureKey) -> str:
    return usual_counts(
        comparison.cell(system, decoding, measure)
        for decoding in comparison.decodings_of(measure)
        for system in comparison.systems
    )


def _table_cell(
    comparison: Comparison, measure: MeasureKey, system: str, decoding: str, leads: bool = False
) -> TableCell:
    return table_cell(comparison.cell(system, decoding, measure), _usual_counts(comparison, measure), leads)


def _leaders(comparison: Comparison, verdicts: Verdicts, measure: MeasureKey, decoding: str) -> set[str]:
    """The best system and those not significantly worse; empty where that is everybody, and where the systems were not
    asked the same."""
    goodness = comparison.goodness(measure, decoding)
    if not goodness or comparison.not_alike(measure, decoding):
        return set()
    best = max(goodness, key=lambda system: goodness[system])
    won = pairs_of(verdicts.models, measure, decoding=decoding)
    won = won[won["better"] == best]
    leaders = {best} | (set(goodness) - set(won["model_a"]) - set(won["model_b"]))
    return leaders if len(leaders) < len(goodness) else set()


def _everything(comparison: Comparison) -> list[dict[str, Any]]:
    """A table an eval: every measure, system and decoding strategy, then what stands beside them."""
    tables = []
    for eval_name in dict.fromkeys(m.eval for m in comparison.measures):
        measures = measures_of_models(comparison, eval_name)
        rows = []
        for decoding in comparison.decodings_of(*measures):
            for system in comparison.systems:
                if any(comparison.cell(system, decoding, m) for m in measures):
                    strategy = "" if decoding == ANY_DECODING else decoding
                    rows.append((system, strategy, [_table_cell(comparison, m, system, decoding) for m in measures]))
        for label, cells in baselines(comparison, eval_name).items():
            rows.append((words(label), "", [table_cell(cells.get(m), _usual_counts(comparison, m)) for m in measures]))
        columns = [_column(comparison, m) for m in measures]
        tables.append(
            {"eval": eval_name, "columns": columns, "rows": rows, "decoded": any(strategy for _, strategy, _ in rows)}
        )
    return tables


def _missing(comparison: Comparison) -> list[str]:
    """Values that were asked for and are not there, with their reasons; equal reasons together."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for measure in comparison.measures:
        for decoding in comparison.decodings_of(measure):
            for system in comparison.systems:
                cell = comparison.cell(system, decoding, measure)
                if cell and cell.estimate.value is None:
                    who = system if decoding == ANY_DECODING else f"{system} ({decoding})"
                    reasons.setdefault((measure.metric, cell.estimate.reason or "no reason given"), []).append(who)
    return [f"{words(metric)}: {reason}: {', '.join(who)}" for (metric, reason), who in reasons.items()]


def _settings(comparison: Comparison) -> list[tuple[str, str]]:
    """Every system's options."""
    options = {run.system: options_text(run.record.model) or "no options" for run in comparison.results.runs}
    return [(system, options[system]) for system in comparison.systems]


def _run_row(run: Run, folder: Path) -> dict[str, Any]:
    record = run.record
    files = [name for name in (SAMPLES_FILE, CURVE_FILE, CONFIG_FILE, LOG_FILE) if (run.folder / name).is_file()]
    texts = sorted(path.name for path in (run.folder / TEXT_FOLDER).glob("*.txt"))
    return {
        "run_id": record.run_id,
        "link": _link(run.folder / RUN_FILE, folder),
        "files": [(name, _link(run.folder / name, folder)) for name in files],
        "texts": [(Path(name).stem, _link(run.folder / TEXT_FOLDER / name, folder)) for name in texts],
        "model": run.system,
        "decoding": run.decoding,
        "seed": record.seed,
        "status": record.status,
        "error": pieces(record.error or ""),
        "tokens": quantity(record.spent.get("tokens")),
        "seconds": quantity(record.spent.get("seconds")),
        "flops": quantity(record.spent.get("flops")),
        "memory": quantity(record.peak_memory_bytes, "B"),
    }


def _link(file: Path, folder: Path) -> str:
    """A file as a relative address from the page's folder."""
    return quote(os.fsencode(os.path.relpath(file.resolve(), folder.resolve())))
