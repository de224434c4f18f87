"""What a view gives: a page, with the tables and charts that can be downloaded from it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2

from harness.common.errors import UserError, closest
from harness.common.numerals import quantity
from harness.common.plurals import many
from harness.dashboard.choices import KEPT_BETWEEN_VIEWS, Choices

if TYPE_CHECKING:
    import pandas as pd

    from harness.dashboard.charts.drawing import Drawing

VIEWS = {
    "/": "Overview",
    "/curves": "Curves",
    "/compare": "Compare",
    "/samples": "Samples",
    "/turns": "Turn-taking",
    "/inside": "Inside",
    "/playground": "Playground",
    "/rate": "Rate",
}
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "png": "image/png",
}


@dataclass
class Page:
    """A view, ready to be shown."""

    view: str
    """Its address without choices."""
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Callable[[], pd.DataFrame]] = field(default_factory=dict)
    """To download, by name; made when asked for."""
    drawings: dict[str, Drawing] = field(default_factory=dict)
    status: int = 200
    is_waiting: bool = False
    """Whether something is still being computed: the page loads itself again."""


@cache
def environment() -> jinja2.Environment:
    """The templates, which escape everything."""
    from harness.dashboard.charts.drawing import key
    from harness.report.untrusted import pieces, visible
    from harness.report.wording import words

    loaders = [jinja2.PackageLoader(package) for package in ("harness.dashboard", "harness.report")]
    templates = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(words=words, visible=visible, pieces=pieces, many=many, quantity=quantity)
    templates.globals.update(views=VIEWS, named=_named, key=key)
    templates.filters["blank_parts"] = _blank_parts
    return templates


def _blank_parts(text: str) -> list[tuple[str, str]]:
    """A text cut at its white space: (text, what is shown in its place; '' for ordinary text)."""
    parts = re.split(r"(\n| +)", text)
    return [(part, "⏎" if part == "\n" else "·" * len(part) if part.startswith(" ") else "") for part in parts if part]


def _named(names: Sequence[str]) -> list[tuple[str, str]]:
    """(value, text) of the options of a list."""
    return [(name, name) for name in names]


def rendered(page: Page, choices: Choices, shared: Mapping[str, Any]) -> str:
    """The page as HTML. shared: what every page shows."""
    return (
        environment()
        .get_template(page.template)
        .render(
            page=page,
            choices=choices,
            here=choices.address(page.view),
            links=[(view, name, choices.only(KEPT_BETWEEN_VIEWS).address(view)) for view, name in VIEWS.items()],
            **shared,
            **page.context,
        )
    )


def download(page: Page, choices: Choices) -> tuple[bytes, str, str]:
    """(content, its type, the file's name) of what an address with file=NAME.ENDING asks for. UserError where there is
    no such file."""
    wanted = choices.value("file")
    name, _, ending = wanted.rpartition(".")
    files = [f"{table}.{kind}" for table in page.tables for kind in ("csv", "parquet")]
    files += [f"{drawing}.{kind}" for drawing in page.drawings for kind in ("svg", "png")]
    if wanted not in files:
        raise UserError(
            f"this view has no file {wanted!r}.{closest(wanted, files)} It has: {', '.join(files) or 'none'}."
        )
    note = choices.without("file").address(page.view)
    if ending in ("svg", "png"):
        drawing = page.drawings[name]
        return (drawing.svg(note) if ending == "svg" else drawing.png(note)), TYPES[ending], wanted
    table = page.tables[name]()
    return (_csv(table) if ending == "csv" else _parquet(table, note)), TYPES[ending], wanted


def _csv(table: pd.DataFrame) -> bytes:
    from harness.report.summary import csv_bytes

    return csv_bytes(table)


def _parquet(table: pd.DataFrame, note: str) -> bytes:
    """With the address of what it holds in its metadata."""
    import pyarrow
    import pyarrow.parquet

    content = pyarrow.Table.from_pandas(table, preserve_index=False)
    content = content.replace_schema_metadata({**(content.schema.metadata or {}), b"bakeoff_view": note.encode()})
    file = io.BytesIO()
    pyarrow.parquet.write_table(content, file)
    return file.getvalue()
