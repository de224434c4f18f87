"""Errors that a user can cause, separate from our own bugs.

A `UserError` is shown as one message without a traceback and ends the command with status 2. Our own bugs stay ordinary
exceptions and `assert`s.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable


class UserError(Exception):
    """A mistake by the user. The message says what was asked, what was found, what is allowed, and what to do next."""


class PluginError(UserError):
    """A plugin's code that fails before it can be used. The message names the plugin; `details` is the traceback."""

    def __init__(self, what: str, error: BaseException) -> None:
        """what: the first words of the message, as "my_eval.py can't be imported"."""
        super().__init__(f"{what}: {one_line(error)}. Correct it and run the same command again.")
        self.details = "".join(traceback.format_exception(error))


class TrainingFailed(RuntimeError):
    """Training can't go on, though no code is wrong. The message says everything, so no traceback is shown; the run is
    recorded as failed."""


class NothingToLearn(UserError):
    """Training found, after some of it was done, that the rest has nothing to learn from, as where all replies of a
    model get the same reward. The run is recorded as failed, with this message."""


class ClaimLost(Exception):
    """Another process took this one for dead and does its work, or the folder that it worked in was removed."""


def one_line(error: BaseException) -> str:
    """An exception on one line: its class and its message."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


_SHORTEST_BEGINNING = 5


def closest(wrong: str, allowed: Iterable[str]) -> str:
    """' Did you mean X?' where an allowed word is close to the wrong one, or is the only one that begins with it (case
    doesn't count), else ''."""
    asked = wrong.lower()
    spelled = {word.lower(): word for word in allowed}
    near = difflib.get_close_matches(asked, list(spelled), n=1)
    begun = [word for word in spelled if word.startswith(asked)] if len(asked) >= _SHORTEST_BEGINNING else []
    if not near and len(begun) == 1:
        near = begun
    return f" Did you mean {spelled[near[0]]!r}?" if near else ""
