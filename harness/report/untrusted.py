"""Text that others wrote (models above all), made harmless and honest for each kind of file.

A model's text may hold anything: markup, terminal escapes, characters that turn the reading direction around or that
nobody sees, spreadsheet formulas. `visible` makes every such character a mark that can be read; the page's template
escapes markup (autoescape); the functions below do it for Markdown, LaTeX and spreadsheets.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Invisible although Unicode calls them letters, marks or symbols (default-ignorable fillers and the blank Braille
# pattern).
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(c) for c in range(0x180B, 0x1810)}
_MAX_COMBINING_MARKS = 3


@dataclass(frozen=True)
class Piece:
    """A stretch of text, or the mark that stands for one character that must not act."""

    text: str
    name: str | None = None
    """None for ordinary text; for a mark, the character's name, as 'RIGHT-TO-LEFT OVERRIDE'."""


def pieces(text: str) -> list[Piece]:
    """Text cut into ordinary stretches and marks. Newlines stay; a tab is shown as a mark and four spaces wide at
    most."""
    cut: list[Piece] = []
    plain: list[str] = []
    marks_in_a_row = 0
    for character in text:
        combining = unicodedata.category(character) in {"Mn", "Me"}
        marks_in_a_row = marks_in_a_row + 1 if combining else 0
        if _is_harmless(character) and marks_in_a_row <= _MAX_COMBINING_MARKS:
            plain.append(character)
            continue
        if plain:
            cut.append(Piece("".join(plain)))
            plain = []
        cut.append(Piece(_mark(character), _name(character)))
    if plain:
        cut.append(Piece("".join(plain)))
    return cut


def visible(text: str, one_line: bool = False) -> str:
    """The text with marks in place of characters that act or hide; `one_line`: newlines become marks too."""
    shown = "".join(piece.text for piece in pieces(text))
    return shown.replace("\n", "⏎") if one_line else shown


def spreadsheet_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: a leading = + - @ or control character gets an apostrophe
    (OWASP)."""
    shown = visible(text)
    return f"'{shown}" if re.match(r"\s*[=+\-@＝＋－＠]", text) or text[:1] in {"\t", "\r", "\n"} else shown


_NUMBERS = re.compile(r"[\d.,%+\-– kMGTP\[\]]*")


def markdown_cell(text: str) -> str:
    """Text for one cell of a Markdown table: nothing in it is markup, HTML, a link or a cell's end."""
    if _NUMBERS.fullmatch(text):
        return text  # '2.103 [2.051, 2.155]' is no link, and easier to read as it is
    escaped = visible(text, one_line=True).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"([\\`*\[\]#|~$])", r"\\\1", escaped)
    escaped = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", escaped)
    return re.sub(r"(?i)(?<=:)//|(?<=www)\.", lambda match: "".join(f"&#{ord(c)};" for c in match[0]), escaped)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "⟨": r"\textless{}",
    "⟩": r"\textgreater{}",
    "⏎": r"\textbackslash{}n",
    "–": "--",
    **{character: "\\" + character for character in "&%$#_{}"},
}


def latex_cell(text: str) -> str:
    """Text for one cell of a LaTeX table, for any engine: what lies outside Latin-1 is written as its code."""
    shown = visible(text, one_line=True)
    cell = "".join(
        _LATEX.get(c, c if ord(c) < 0x100 else rf"\textless{{}}U+{ord(c):04X}\textgreater{{}}") for c in shown
    )
    # A row may not begin with these: "\\\\" before it would take them for its own argument.
    return "{}" + cell if cell.startswith(("[", "*")) else cell


def _is_harmless(character: str) -> bool:
    if character in "\n ":
        return True
    if character in _INVISIBLE:
        return False
    category = unicodedata.category(character)
    # C*: control, format, surrogate, private, unassigned. Z*: separators, of which only the space above looks like
    # itself.
    return (
        category[0] not in "CZ" and not 0xFE00 <= ord(character) <= 0xFE0F and not 0xE0000 <= ord(character) <= 0xE0FFF
    )


def _mark(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def _name(character: str) -> str:
    code = ord(character)
    return unicodedata.name(character, f"U+{code:04X}" if code > 0x9F else f"control character {code:#04x}")
