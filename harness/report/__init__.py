"""Tables, plots and a page from what lies in a results folder. Never trains; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from harness.common.errors import UserError
from harness.common.files import write_bytes
from harness.report.cautions import cautions, on_texts
from harness.report.comparison import Comparison
from harness.report.conclusions import findings
from harness.report.pairs import compare_pairs
from harness.report.ranks import rank_systems
from harness.report.results import Results, load
from harness.report.summary import readable, write_tables
from harness.report.verdicts import Verdicts

if TYPE_CHECKING:
    from harness.report.plots.style import Plot

PAGE_FILE = "report.html"


@dataclass(frozen=True)
class Report:
    """What was written."""

    pages: tuple[Path, ...]
    """One report.html an experiment."""
    files: tuple[Path, ...]
    """Everything written, the pages included."""
    table: pd.DataFrame
    """The summary for printing: few columns, all text."""
    findings: tuple[str, ...]
    """Sentences."""
    cautions: tuple[str, ...]
    """What the table does not show and its reader must know. Sentences."""
    left_out: tuple[Path, ...]
    """The folders of runs that can't be read."""

    @property
    def page(self) -> Path:
        """The (first) page."""
        return self.pages[0]


def write_report(*results: Path, out: Path | None = None) -> Report:
    """Write the report of results folders, experiments' folders and runs' folders.

    Of one folder, without `out`, every experiment gets its own, in <experiment>/report/ (a run in its own folder). Of
    several folders, or with `out`, there is one report over everything, in `out`, else in RESULTS/report/. The same
    records give the same bytes.
    A run with a file that can't be read is left out. UserError: nothing finished there, nothing that can be read, a
    folder that can't be written.
    """
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Give a folder for the report; it is made where it does not exist.")
    loaded = load(*results, whole=out is not None)
    reports = [_write(results_of, out or results_of.report_folder) for results_of in loaded]
    if len(reports) > 1:
        for report in reports:
            report.table.insert(0, "experiment", report.page.parent.parent.name)
    across = on_texts(run for results_of in loaded for run in results_of.runs)
    return Report(
        tuple(page for report in reports for page in report.pages),
        tuple(file for report in reports for file in report.files),
        pd.concat([report.table for report in reports], ignore_index=True).fillna("–"),
        tuple(sentence for report in reports for sentence in report.findings),
        tuple(dict.fromkeys([*across, *(sentence for report in reports for sentence in report.cautions)])),
        tuple(folder for report in reports for folder in report.left_out),
    )


def compare(results: str | Path = "results") -> pd.DataFrame:
    """Every two systems below a results folder, compared on every headline measure: the table of `pairwise.csv`.

    UserError: nothing finished there, nothing that can be read.
    """
    [everything] = load(Path(results), whole=True)
    return compare_pairs(Comparison(everything))


def rank(results: str | Path = "results") -> pd.DataFrame:
    """One ranking of the systems below a results folder over all evals, the best first: the table of `ranks.csv`.

    Empty where no two systems have three seeds, or a fit that no seed changes. UserError: nothing finished there,
    nothing that can be read.
    """
    [everything] = load(Path(results), whole=True)
    return rank_systems(Comparison(everything))


def _write(results: Results, folder: Path) -> Report:
    from harness.report.page import render

    comparison = Comparison(results)
    verdicts = Verdicts.of(comparison)
    plots = draw_all(comparison, verdicts)
    page = folder / PAGE_FILE
    try:
        files = write_tables(comparison, verdicts, folder)
        for plot in plots:
            for ending, content in (("svg", plot.svg), ("png", plot.png)):
                files.append(folder / f"{plot.name}.{ending}")
                write_bytes(files[-1], content)
        write_bytes(page, render(comparison, verdicts, plots, folder))
    except OSError as error:
        raise UserError(
            f"The report cannot be written to {folder} ({error}). Give another folder with --out."
        ) from error
    left_out = tuple(run.folder for run in results.left_out if run.is_damaged)
    return Report(
        (page,),
        (*files, page),
        readable(comparison),
        tuple(findings(comparison, verdicts)),
        tuple(cautions(comparison)),
        left_out,
    )


def draw_all(comparison: Comparison, verdicts: Verdicts) -> list[Plot]:
    """Every plot that the records allow, in the page's order."""
    # matplotlib loads slowly, and tables need none
    from harness.report.plots.calibrations import calibrations
    from harness.report.plots.differences import differences
    from harness.report.plots.evals import measures, slices
    from harness.report.plots.learning import COSTS, cost, curves, ladder
    from harness.report.plots.movement import movements
    from harness.report.plots.preferences import preference_calibrations
    from harness.report.plots.style import plotting
    from harness.report.plots.sweeps import cost_along, sweeps
    from harness.report.plots.tradeoffs import tradeoffs

    with plotting():
        plots = [ladder(comparison), differences(comparison, verdicts.models)]
        plots += [*sweeps(comparison), *curves(comparison), *movements(comparison)]
        plots += preference_calibrations(comparison)
        plots += [cost_along(comparison, kind) or cost(comparison, kind) for kind in COSTS]
        for headline in comparison.headlines:
            if headline != comparison.ladder:
                plots.append(measures(comparison, headline.eval))
            plots += slices(comparison, headline)
        plots += [*tradeoffs(comparison), *calibrations(comparison)]
        return [plot for plot in plots if plot is not None]
