"""Errors that a user can cause, kept apart from our own bugs.

A `UserError` is shown as one message without a traceback and ends the command with status 2. Our own bugs stay ordinary
exceptions and `assert`s.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """What was asked, what was got, what is allowed, and what to do next, in one message for the user."""


def closest(wrong: str, allowed: Iterable[str]) -> str:
    """' Did you mean X?' where one of the allowed words is close to the wrong one, else ''."""
    near = difflib.get_close_matches(wrong, list(allowed), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
