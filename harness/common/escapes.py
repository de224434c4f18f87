r"""Texts that a user types, in which \n means a line break.

A shell and Hydra pass `separator="\n\n"` as backslashes and letters, but in a YAML file it is line breaks. So options
that take text have the type `EscapedText`: in a configuration both mean line breaks.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

_ESCAPE = re.compile(r"\\(?:([nrt\\])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))")
_CHARACTERS = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def unescaped(text: str) -> str:
    r"""The text with \n, \r, \t, \\, \xHH and \uHHHH replaced by their characters; other backslashes stay."""

    def character(match: re.Match[str]) -> str:
        letter, *digits = match.groups()
        return _CHARACTERS[letter] if letter else chr(int("".join(filter(None, digits)), 16))

    return _ESCAPE.sub(character, text)


def escaped(text: str) -> str:
    """On one line, so that `unescaped` gives the text again."""
    names = {character: f"\\{letter}" for letter, character in _CHARACTERS.items()}
    return "".join(names.get(character, character) for character in text)


class _Unescaping:
    """Tells pydantic to replace escapes in a text that it has checked."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(unescaped, handler(source))


EscapedText = Annotated[str, _Unescaping()]
"""The type of an option that takes text with escapes."""
