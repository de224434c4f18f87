"""The one door to a terminal: what is printed can't move it, and nothing in it is read as markup.

Names, messages and texts come from models, plugins and files that others wrote. Their control characters, direction
overrides and invisible characters are spelled out (harness/common/visible.py).
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.common.visible import visible

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def say(text: str = "", end: str = "\n", flush: bool = False) -> None:
    """Print text to standard output."""
    print(visible(text), end=end, flush=flush)


def warn(text: str) -> None:
    """Print text to standard error."""
    print(visible(text), file=sys.stderr)


def say_json(value: Any) -> None:
    """Print one line of JSON: the same value, with what could move a terminal as JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False)
    print("".join(json.dumps(char)[1:-1] if unicodedata.category(char)[0] == "C" else char for char in text))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table. right: the columns whose cells end at the right. A long cell is continued below."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for column in columns:
        table.add_column(cell(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(cell, row))
    show(table)


def show(table: Table) -> None:
    """Print a table whose cells were made by `cell`."""
    from rich.console import Console

    Console().print(table)


def cell(text: str, style: str = "") -> Text:
    """Text for one cell of a table: line breaks and tabs are spelled out too."""
    from rich.text import Text

    return Text(visible(text).replace("\n", "\\n").replace("\t", "\\t"), style)
