"""All printing goes through this module: printed text can't control the terminal, and is never read as markup.

Names, messages and texts come from models, plugins and other people's files. Control characters, direction overrides
and invisible characters are spelled out (harness/common/visible.py); so are characters that the output's encoding
lacks, as in a terminal that knows only ASCII.
"""

from __future__ import annotations

import io
import json
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from harness.common.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


_AROUND_A_CELL, _NARROWEST = 3, 8  # columns
_WITHOUT_A_TERMINAL = 120  # columns


def spell_out_what_encodings_lack() -> None:
    """Let no character fail to be printed: what libraries print is spelled out as it is here."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "", end: str = "\n", flush: bool = False) -> None:
    """Print text to standard output."""
    print(_printable(text, sys.stdout), end=end, flush=flush)


def warn(text: str) -> None:
    """Print text to standard error."""
    print(_printable(text, sys.stderr), file=sys.stderr)


def announce_loading(slowest: str = "torch") -> None:
    """On a terminal, say that the libraries are being loaded. It takes seconds, in which nothing else is shown.

    slowest: the library that takes longest; nothing is said where it has been loaded.
    """
    if slowest not in sys.modules and sys.stderr.isatty():
        warn("loading the libraries ...")


def say_json(value: Any) -> None:
    """Print one line of JSON, with control characters, and those that the output's encoding lacks, as JSON escapes."""
    text = json.dumps(value, ensure_ascii=False)
    print("".join(_in_json(char) if _printable(char, sys.stdout) != char else char for char in text))


def _in_json(char: str) -> str:
    """A character of a JSON text as an escape."""
    return json.dumps(char)[1:-1] if ord(char) > 0x7F else f"\\u{ord(char):04x}"


def _printable(text: str, stream: TextIO) -> str:
    """The text as a stream can show it."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return visible(text).encode(encoding, "backslashreplace").decode(encoding)


def say_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str] = (),
    dispensable: Sequence[str] = (),
    elsewhere: str = "",
) -> None:
    """Print a table. right: the columns that are aligned right. dispensable: columns that are left out one by one where
    the table is too wide for the output; a line says so, and where they are: `elsewhere`, as 'in summary.csv'."""
    from rich import box
    from rich.table import Table

    left_out = _left_out(columns, rows, dispensable)
    kept = [place for place, column in enumerate(columns) if column not in left_out]
    table = Table(box=box.SIMPLE)
    for column in (columns[place] for place in kept):
        table.add_column(cell(column), justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(cell(row[place]) for place in kept))
    show(table)
    if left_out:
        say(f"left out, for want of room: {', '.join(left_out)} ({elsewhere}; or set COLUMNS=200)")


def _left_out(columns: Sequence[str], rows: Sequence[Sequence[str]], dispensable: Sequence[str]) -> Sequence[str]:
    """The fewest columns, the first of those that are dispensable, without which a table fits; none where it never
    does."""
    for number in range(len(dispensable) + 1):
        kept = [
            [cell(text) for text in texts]
            for texts in zip(columns, *rows, strict=True)
            if texts[0] not in dispensable[:number]
        ]
        if _widths(kept, _console().width) is not None:
            return dispensable[:number]
    return ()


def show(table: Table) -> None:
    """Print a table whose cells were made by `cell`. No word is ever broken: long cells wrap between words, and where
    even that doesn't fit, each row is printed as lines `column: text`. Without a terminal a table is as wide as
    COLUMNS says, else 120 columns."""
    from rich.text import Text

    console = _console()
    columns = [
        [text if isinstance(text, Text) else Text(str(text)) for text in (column.header, *column.cells)]
        for column in table.columns
    ]
    widths = _widths(columns, console.width)
    if table.title:  # above the table, which may be narrower
        say(str(table.title))
        table.title = None
    if widths is None:
        _say_rows(columns, console.width)
        return
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    console.print(table)


def _widths(columns: Sequence[Sequence[Text]], room: int) -> list[int] | None:
    """The widths of columns in a table of some width; None where they can't fit. columns: each begins with its name."""
    from rich.cells import cell_len

    full = [max(text.cell_len for text in column) for column in columns]
    words = [max(cell_len(word) for text in column for word in text.plain.split() or [""]) for column in columns]
    return _fitted(full, words, room)


def _fitted(full: Sequence[int], words: Sequence[int], room: int) -> list[int] | None:
    """The widths of columns, with the widest ones narrowed until all fit; None where they can't fit. The first column
    (names) is narrowed last. full: the columns' widths on one line. words: of their longest words."""
    fitted = list(full)
    least = [max(word, min(width, _NARROWEST)) for width, word in zip(full, words, strict=True)]
    for _ in range(max(0, sum(fitted) + _AROUND_A_CELL * len(fitted) + 1 - room)):
        wider = [index for index in range(len(fitted)) if fitted[index] > least[index]]
        if not wider:
            return None
        fitted[max(wider, key=lambda index: (index > 0, fitted[index]))] -= 1
    return fitted


def _say_rows(columns: Sequence[Sequence[Text]], width: int) -> None:
    """Print a table as lines `column: text`, each row's first without an indent. columns: each begins with its name."""
    (*names,), *rows = zip(*columns, strict=True)
    for row in rows:
        indent = ""
        for name, text in zip(names, row, strict=True):
            if text.plain:
                separator = ": " if name.plain and not name.plain.endswith("=") else ""
                wrapped = textwrap.wrap(
                    f"{name}{separator}{text}",
                    width,
                    initial_indent=indent,
                    subsequent_indent="    ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
                say("\n".join(wrapped))
                indent = "  "


def _console() -> Console:
    from rich.console import Console

    is_piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_WITHOUT_A_TERMINAL if is_piped else None)


def cell(text: str, style: str = "") -> Text:
    """Text for one cell of a table: line breaks and tabs are spelled out too."""
    from rich.text import Text

    return Text(_printable(text, sys.stdout).replace("\n", "\\n").replace("\t", "\\t"), style)
