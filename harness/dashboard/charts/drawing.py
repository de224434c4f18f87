"""A drawing of a few kinds of marks, as SVG inside a page, as an SVG file and as PNG.

Marks have classes, and the style sheet gives each class its colour, light or dark: a strict content security policy
allows no styles in the drawing itself. A file has the light colours inside.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from markupsafe import Markup

from harness.report.palette import INK, MUTED, PALETTE, PAPER, RULE
from harness.report.untrusted import visible

WIDTH = 480
"""Of a chart: at this width 13 pixels of text can be read on a phone too."""
FONT_SIZE = 13
_COLOURS = {f"c{index}": colour for index, colour in enumerate(PALETTE)}
_COLOURS |= {"ink": INK, "muted": MUTED, "rule": RULE, "paper": PAPER}
_DOTS_PER_PIXEL = 2

SHADES = {"s1": 0.14, "s2": 0.32, "s3": 0.52, "s4": 0.76, "s5": 1.0}
"""How dark a part of a heat map is."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """One thing that is drawn."""

    kind: str
    """'line', 'area', 'dot', 'text', 'rect', or 'cells': rectangles of one size, the last of the points."""
    points: tuple[Point, ...]
    colour: str
    """A key of the colours: 'c0', 'ink', ..."""
    look: str = ""
    """Further classes: 'thin', 'dashed', 'hollow', 'faint', 'strong', 'end', 'middle', and the keys of SHADES."""
    text: str = ""
    """A text's own; of the others what is said of them under the mouse."""
    marker: str = "o"
    link: str = ""


@dataclass
class Drawing:
    """Marks on a surface."""

    width: float
    height: float
    about: str
    """What it shows, for those who can't see it."""
    name: str = "chart"
    """The file's."""
    frame: tuple[float, float, float, float] | None = None
    """Left, right, bottom and top of what is inside the axes, for the script."""
    data: dict[str, str] = field(default_factory=dict)
    """What the script must know, as data attributes."""
    marks: list[Mark] = field(default_factory=list)

    def line(self, points: Sequence[Point], colour: str, look: str = "", text: str = "") -> None:
        """A line through points."""
        self.marks.append(Mark("line", tuple(points), colour, look, text))

    def area(self, points: Sequence[Point], colour: str, text: str = "") -> None:
        """A filled area."""
        self.marks.append(Mark("area", tuple(points), colour, "", text))

    def dot(self, at: Point, colour: str, marker: str = "o", look: str = "", text: str = "", link: str = "") -> None:
        """A marker."""
        self.marks.append(Mark("dot", (at,), colour, look, text, marker, link))

    def words(self, at: Point, text: str, look: str = "", colour: str = "ink") -> None:
        """A text that begins at a point; look 'middle', 'end': that is centred there, or ends there."""
        self.marks.append(Mark("text", (at,), colour, look, visible(text, one_line=True)))

    def rect(self, corner: Point, size: Point, colour: str, look: str = "", text: str = "", link: str = "") -> None:
        """A filled rectangle."""
        self.marks.append(Mark("rect", (corner, size), colour, look, text, "", link))

    def cells(self, corners: Sequence[Point], size: Point, colour: str, shade: str) -> None:
        """Filled rectangles of one size."""
        if corners:
            self.marks.append(Mark("cells", (*corners, size), colour, shade))

    def inside(self) -> Markup:
        """For a page."""
        return Markup(self._svg(""))

    def svg(self, note: str) -> bytes:
        """A file that stands alone. note: a text that it holds, such as the address of what it shows."""
        style = "".join(f".{name}{{color:{colour}}}" for name, colour in _COLOURS.items())
        head = f"<desc>{_safe(note)}</desc><style>{style}{_FILE_STYLE}</style>"
        head += f'<rect width="{self.width:g}" height="{self.height:g}" fill="{PAPER}"/>'
        return self._svg(head, ' xmlns="http://www.w3.org/2000/svg"').encode("utf-8", "replace")

    def _svg(self, head: str, attributes: str = "") -> str:
        data = "".join(f' data-{name}="{_safe(value)}"' for name, value in self.data.items())
        if "brush" in self.data:
            data += f' id="chart-{_safe(self.name)}"'  # by which it keeps the focus
        if self.frame is not None:
            data += f' data-frame="{",".join(f"{edge:g}" for edge in self.frame)}"'
        body = "".join(map(_element, self.marks))
        role = "group" if any(mark.link for mark in self.marks) else "img"
        return (
            f'<svg{attributes} class="chart" viewBox="0 0 {self.width:g} {self.height:g}" role="{role}" '
            f'aria-label="{_safe(self.about)}"{data}>{head}{body}</svg>'
        )

    def png(self, note: str) -> bytes:
        """A picture, by matplotlib."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import PolyCollection
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width / 72, self.height / 72), dpi=72 * _DOTS_PER_PIXEL, facecolor=PAPER)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, 0)
        axes.axis("off")
        for mark in self.marks:
            colour = _COLOURS[mark.colour]
            xs, ys = [x for x, _ in mark.points], [y for _, y in mark.points]
            alpha = SHADES.get(mark.look, 0.35 if "faint" in mark.look else 1.0)
            if mark.kind == "line":
                width = 0.7 if "thin" in mark.look else 3.2 if "strong" in mark.look else 1.6
                axes.plot(
                    xs,
                    ys,
                    color=colour,
                    linewidth=width,
                    alpha=alpha,
                    dashes=(4, 3) if "dashed" in mark.look else (None, None),
                )
            elif mark.kind == "area":
                axes.fill(xs, ys, color=colour, alpha=0.15, linewidth=0)
            elif mark.kind == "dot":
                inner = PAPER if "hollow" in mark.look else colour
                axes.plot(xs, ys, mark.marker, color=colour, markerfacecolor=inner, markersize=6, alpha=alpha)
            elif mark.kind in ("rect", "cells"):
                *corners, (w, h) = mark.points
                outlines = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y in corners]
                axes.add_collection(PolyCollection(outlines, color=colour, alpha=alpha, linewidth=0))
            else:
                align = "right" if "end" in mark.look else "center" if "middle" in mark.look else "left"
                axes.text(
                    *mark.points[0],
                    mark.text,
                    color=colour,
                    fontsize=FONT_SIZE * 0.9,
                    ha=align,
                    va="baseline",
                    parse_math=False,
                )
        content = io.BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None, "Description": note})
        return content.getvalue()


def key(colour: str, marker: str) -> Markup:
    """A marker alone, to stand before a name."""
    shape = _element(Mark("dot", ((7, 7),), colour, marker=marker))
    return Markup(f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{shape}</svg>')


_FILE_STYLE = (
    "text{font:13px sans-serif;fill:currentColor;paint-order:stroke;stroke:#fffffe;stroke-width:3px}"
    ".line{fill:none;stroke:currentColor;stroke-width:1.6}"
    ".area{fill:currentColor;opacity:.15}.dot,.rect{fill:currentColor;stroke:currentColor}.rect{stroke:none}"
    ".hollow{fill:#fffffe}.thin{stroke-width:.7}.strong{stroke-width:3.2}.dashed{stroke-dasharray:4 3}"
    ".faint{opacity:.35}.end{text-anchor:end}.middle{text-anchor:middle}.cells{fill:currentColor}"
    + "".join(f".{name}{{opacity:{opacity}}}" for name, opacity in SHADES.items())
)
_R = 4.2
_SHAPES = {
    "s": "M{l} {t}H{r}V{b}H{l}Z",
    "D": "M{x} {T}L{R} {y}L{x} {B}L{L} {y}Z",
    "^": "M{x} {T}L{R} {b}H{L}Z",
    "v": "M{x} {B}L{R} {t}H{L}Z",
    "<": "M{L} {y}L{r} {T}V{B}Z",
    ">": "M{R} {y}L{l} {T}V{B}Z",
    "P": "M{a} {T}H{c}V{d}H{R}V{e}H{c}V{B}H{a}V{e}H{L}V{d}H{a}Z",
    "X": "M{l} {T}L{x} {d}L{r} {T}L{R} {t}L{c} {y}L{R} {b}L{r} {B}L{x} {e}L{l} {B}L{L} {b}L{a} {y}L{L} {t}Z",
}


def _element(mark: Mark) -> str:
    classes = f'class="{mark.kind} {mark.colour}{" " + mark.look if mark.look else ""}"'
    title = f"<title>{_safe(mark.text)}</title>" if mark.text and mark.kind != "text" else ""
    (x, y), rest = mark.points[0], mark.points[1:]
    if mark.kind == "line":
        return f'<path {classes} d="{_path(mark.points)}">{title}</path>'
    if mark.kind == "area":
        return f'<path {classes} d="{_path(mark.points)}Z">{title}</path>'
    if mark.kind == "cells":
        *corners, (width, height) = mark.points
        outlines = "".join(f"M{x:g} {y:g}h{width:g}v{height:g}h-{width:g}z" for x, y in corners)
        return f'<path {classes} d="{outlines}"/>'
    if mark.kind == "text":
        return f'<text {classes} x="{x:.1f}" y="{y:.1f}">{_safe(mark.text)}</text>'
    if mark.kind == "rect":
        [(width, height)] = rest
        shape = f'<rect {classes} x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">{title}</rect>'
    elif mark.marker == "o":
        shape = f'<circle {classes} cx="{x:.1f}" cy="{y:.1f}" r="{_R}">{title}</circle>'
    elif mark.marker == "|":
        shape = f'<path {classes} d="M{x:.1f} {y - 3:.1f}V{y + 3:.1f}">{title}</path>'
    else:
        shape = f'<path {classes} d="{_outline(mark.marker, x, y)}">{title}</path>'
    return f'<a href="{_safe(mark.link)}" tabindex="-1">{shape}</a>' if mark.link else shape


def _outline(marker: str, x: float, y: float) -> str:
    inner, outer, third = _R * 0.85, _R * 1.25, _R * 0.4
    coordinates = {"x": x, "y": y, "l": x - inner, "r": x + inner, "t": y - inner, "b": y + inner}
    coordinates |= {"L": x - outer, "R": x + outer, "T": y - outer, "B": y + outer}
    coordinates |= {"a": x - third, "c": x + third, "d": y - third, "e": y + third}
    return _SHAPES[marker].format(**{name: f"{value:.1f}" for name, value in coordinates.items()})


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _safe(text: str) -> str:
    return escape(visible(text, one_line=True))
