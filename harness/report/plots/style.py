"""How plots look: one narrow format that stays readable on a phone, colours that the colour-blind can tell apart.

Every figure is drawn once. Its .svg and .png stand alone on white; in the page the same SVG takes the page's colours,
light or dark, because each colour here is swapped for a CSS variable (`inline_svg`).
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.report.palette import INK, MARKERS, MUTED, PALETTE, PAPER, RULE

WIDTH = 4.5
"""Inches of every figure: on a phone the page shows it at about three quarters of this size, so 9 points stay
readable."""
LABELS_FROM = 1.05
"""Where names in the right margin begin, as a share of the axes' width."""
_PNG_DOTS_PER_INCH = 160
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "figure.dpi": 72.0,  # as SVG has it, so that laying out and drawing measure each text once
    "font.size": 9.5,
    "text.parse_math": False,  # a name may hold dollar signs
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.facecolor": PAPER,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "bakeoff",
}


@dataclass(frozen=True)
class Look:
    """How one system or decoding strategy is drawn wherever it appears."""

    colour: str
    marker: str


@dataclass(frozen=True)
class Plot:
    """One figure, drawn."""

    name: str
    """The file's name without its ending."""
    section: str
    """Where it stands in the page: 'ladder', 'sweeps', 'learning' or 'evals'."""
    title: str
    alt: str
    """What it shows, for those who can't see it."""
    caption: str
    svg: bytes
    png: bytes


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Colours and markers by sorted name, so that a name keeps its own in every plot."""
    ordered = sorted(set(names))
    return {
        name: Look(PALETTE[place % len(PALETTE)], MARKERS[(place + place // len(PALETTE)) % len(MARKERS)])
        for place, name in enumerate(ordered)
    }


@contextmanager
def plotting() -> Iterator[None]:
    """Our settings, whatever the user's are; silent about characters that the font lacks."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def new_figure(height: float) -> Figure:
    """A figure of the common width."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def fix_layout(figure: Figure) -> None:
    """Lay the figure out, once and for all: what is added later moves nothing."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def drawn(figure: Figure, name: str, section: str, title: str, caption: str, alt: str) -> Plot:
    """Render to SVG and PNG, the same bytes every time."""
    fix_layout(figure)  # once, for both files
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    figure.savefig(png, format="png", dpi=_PNG_DOTS_PER_INCH, metadata={"Software": None, "Title": title})
    return Plot(name, section, title, alt, caption, svg.getvalue(), png.getvalue())


def inline_svg(svg: bytes, prefix: str) -> str:
    """The SVG for inside an HTML page: no XML prologue, ids that no other figure shares, colours as CSS variables."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<title>.*?</title>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)  # it would style the whole page
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    variables = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper"} | {
        colour: f"c{place}" for place, colour in enumerate(PALETTE)
    }
    for colour, variable in variables.items():
        text = text.replace(colour, f"var(--{variable})")
    return text


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places as near to the wanted ones as a gap between any two allows, within low to high where they fit."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[list[float]] = []  # [sum of (wanted - its rank's offset), count]: members of a block touch
    for i in order:
        blocks.append([wanted[i], 1.0])
        while len(blocks) > 1 and _start(blocks[-1], gap) < _start(blocks[-2], gap) + blocks[-2][1] * gap:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    places = [_start(block, gap) + rank * gap for block in blocks for rank in range(int(block[1]))]
    for rank in range(len(places)):
        places[rank] = max(places[rank], low + rank * gap)
    for rank in reversed(range(len(places))):
        places[rank] = min(places[rank], high - (len(places) - 1 - rank) * gap)
    result = [0.0] * len(places)
    for place, i in zip(places, order, strict=True):
        result[i] = place
    return result


def _start(block: list[float], gap: float) -> float:
    return block[0] / block[1] - (block[1] - 1) / 2 * gap


def label_right(axes: Axes, labels: Sequence[tuple[str, Look, float, float]]) -> None:
    """Names in the right margin, each led from its point by a dotted line: (name, look, x, y in data). Nothing there
    looks like a measured value. Call it once the limits stand."""
    height = axes.get_window_extent().height or 1.0
    gap = 12.0 * max(1 + name.count("\n") for name, _, _, _ in labels) * axes.figure.dpi / 72 / height
    to_axes = axes.transData + axes.transAxes.inverted()
    points = np.array([to_axes.transform((x, y)) for _, _, x, y in labels])
    places = spread([float(y) for y in points[:, 1]], gap, 0.0, 1.0)
    for (name, look, _, _), (x, y), place in zip(labels, points, places, strict=True):
        common: dict[str, Any] = {"transform": axes.transAxes, "color": look.colour, "clip_on": False}
        axes.plot([x, 1.0, 1.035], [y, place, place], linewidth=0.8, linestyle=(0, (1, 2)), zorder=1.5, **common)
        axes.text(LABELS_FROM, place, name, transform=axes.transAxes, va="center", fontsize=9.0)
