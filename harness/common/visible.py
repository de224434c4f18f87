"""Makes any text safe to display."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = re.compile(r"[^\n\t\x20-\x7e]")


def visible(text: str) -> str:
    """The text with characters that could control a terminal or mislead a reader made visible: control characters,
    direction overrides, zero-width and unassigned characters become \\x1b, \\u202e, ... Line breaks and tabs stay."""

    def spelled(match: re.Match[str]) -> str:
        char = match[0]
        if unicodedata.category(char)[0] != "C":
            return char
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return _HIDDEN.sub(spelled, text)
