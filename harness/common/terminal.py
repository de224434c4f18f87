"""All printing goes through this module: printed text can't control the terminal, and is never read as markup.

Names, messages and texts come from models, plugins and other people's files. Control characters, direction overrides
and invisible characters are spelled out (harness/common/visible.py).
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.common.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


_AROUND_A_CELL, _NARROWEST = 3, 8  # columns
_UNLIMITED = 100_000  # columns: in a pipe, each row of a table is on one line


def say(text: str = "", end: str = "\n", flush: bool = False) -> None:
    """Print text to standard output."""
    print(visible(text), end=end, flush=flush)


def warn(text: str) -> None:
    """Print text to standard error."""
    print(visible(text), file=sys.stderr)


def say_json(value: Any) -> None:
    """Print one line of JSON, with control characters as JSON escapes."""
    text = json.dumps(value, ensure_ascii=False)
    print("".join(json.dumps(char)[1:-1] if unicodedata.category(char)[0] == "C" else char for char in text))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table. right: the columns that are aligned right. On a terminal long cells wrap; the first column wraps
    only where nothing else helps."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    head, body = [cell(column) for column in columns], [[cell(text) for text in row] for row in rows]
    widths = [max(text.cell_len for text in column) for column in zip(head, *body, strict=True)]
    for column, text, width in zip(columns, head, _fitted(widths, _console().width), strict=True):
        table.add_column(text, justify="right" if column in right else "left", overflow="fold", width=width)
    for row in body:
        table.add_row(*row)
    show(table)


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """The widths of columns, with the widest ones narrowed until all fit. The first column (names) is narrowed last."""
    fitted = list(widths)
    excess = sum(fitted) + _AROUND_A_CELL * len(fitted) - room
    for _ in range(max(0, excess)):
        others = [index for index in range(1, len(fitted)) if fitted[index] > _NARROWEST]
        widest = max(others, key=fitted.__getitem__, default=0)
        fitted[widest] = max(1, fitted[widest] - 1)
    return fitted


def show(table: Table) -> None:
    """Print a table whose cells were made by `cell`."""
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    is_piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_UNLIMITED if is_piped else None)


def cell(text: str, style: str = "") -> Text:
    """Text for one cell of a table: line breaks and tabs are spelled out too."""
    from rich.text import Text

    return Text(visible(text).replace("\n", "\\n").replace("\t", "\\t"), style)
