"""What a user types after a command, made ready for Hydra's grammar.

Any path or text that a shell can pass is a value: what Hydra's grammar can't read is quoted here. A value that it can
read keeps its meaning there: numbers, null, lists, dicts, sweeps, quoted text.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
from collections.abc import Sequence

from harness.common.errors import UserError, closest
from harness.common.files import expanded
from harness.config.options import GROUPS, YAML, options, quoted, top_level


def readable(overrides: Sequence[str], sweeps: bool = False) -> list[str]:
    """The overrides with every value quoted that Hydra's grammar can't read. Those that it can read stay as they are.

    sweeps: whether a comma separates values. UserError for a word without '=', or a list without its end.
    """
    written = [_readable(override, overrides, sweeps) for override in overrides]
    for override in overrides:
        _refuse_unclosed(override)
    return written


def refuse_repeated(overrides: Sequence[str]) -> None:
    """UserError where one key is set twice."""
    first: dict[str, str] = {}
    for override in overrides:
        key = override.partition("=")[0].lstrip("+")
        if key in first:
            raise UserError(f"{key} is set twice: {first[key]} and {override}. Leave one of them out.")
        first[key] = override


def refuse_sweeps(overrides: Sequence[str]) -> None:
    """UserError where a key has several values, which only a sweep allows."""
    from harness.config.hydra_compose import is_sweep

    for override in overrides:
        if is_sweep(override):
            key, _, value = override.partition("=")
            raise UserError(
                f"{override} gives {key} several values.{_one_number(key, value)} For one run with each of them: "
                f"bakeoff run -m {override}. For a list: '{key}=[{value}]'. For one text with commas, quotes of its "
                f"own: \"{key}='{value}'\"."
            )


def _one_number(key: str, value: str) -> str:
    """What to write where a number has commas between its thousands; '' where it hasn't."""
    is_number = re.fullmatch(r"\d{1,3}(,\d{3})+", value)
    return f" A number has no commas: {key}={value.replace(',', '')}." if is_number else ""


def _readable(override: str, overrides: Sequence[str], sweeps: bool) -> str:
    from harness.config.hydra_compose import parses

    key, equals, value = override.partition("=")
    if equals and not key.strip("+~ "):
        near = _near(value)
        raise UserError(f"{override!r} has no name before the '='.{near} {_WRITE}")
    if parses(override):
        return override
    if not equals:
        raise UserError(_no_equals(override, overrides))
    parts = _split(value) if sweeps else [value]
    if len(parts) > 1 and "" in parts:
        rest = ",".join(filter(None, parts))
        raise UserError(
            f"{override} has a comma with nothing before or after it. Write {key}={rest}, or '' for an empty text, or "
            "name another value."
        )
    written = f"{key}={','.join(_value(part) for part in parts)}"
    if not parses(written):  # whatever the value is, it is quoted
        raise UserError(f"{override!r}: {key!r} can't be the name of a group or setting. {_WRITE}")
    return written


_PAIRS = {"[": "]", "{": "}", "(": ")", "'": "'", '"': '"'}
_OPENS = re.compile(r"""\[\s*[\w'"~./*]|(?:range|interval|choice|tag|int|float|glob|sort|shuffle)\(""")
"""How a list or a range begins. A text may begin with a bracket too, as a format's label."""


def _refuse_unclosed(override: str) -> None:
    """UserError where a list, a range or a quoted name has no end."""
    key, _, value = override.partition("=")
    is_pick = key.lstrip("+").partition("@")[0] in GROUPS
    begins = _OPENS.match(value) or (is_pick and value.startswith(("[", "{", "'", '"')))
    closing = _closing(value) if begins else ""
    if closing and not value.endswith(closing[-1]):
        as_text = "" if is_pick else f" For a text that begins so: {shlex.quote(f'{key}={quoted(value)}')}."
        raise UserError(
            f"{override} has no {closing} at its end. Write {shlex.quote(override + closing)}, with the quotes: "
            f"brackets mean something to the shell.{as_text}"
        )


def _closing(text: str) -> str:
    """What closes the brackets and quotes that are open at the end of a text: ']' for '[a,b'."""
    expected = ""
    for character in text:
        if expected and character == expected[0]:
            expected = expected[1:]
        elif character in _PAIRS and not expected.startswith(("'", '"')):
            expected = _PAIRS[character] + expected
    return expected


def _value(value: str) -> str:
    """A value, quoted where the grammar can't read it; in a list, each item of its own."""
    from harness.config.hydra_compose import parses

    if parses(f"key={value}"):
        return value
    if value.startswith("[") and value.endswith("]"):
        listed = f"[{','.join(_value(item) for item in _split(value[1:-1]))}]"
        if parses(f"key={listed}"):
            return listed
    return quoted(os.path.expanduser(value) if value.startswith("~/") else value)


def _split(text: str) -> list[str]:
    """A text at its commas, but for those in brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if character == "," and not depth and not quote:
            parts.append("")
            continue
        parts[-1] += character
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and parts[-1] == character:
            quote = character
        else:
            depth += (character in "[{(") - (character in "]})")
    return [part.strip() for part in parts] if depth == 0 and not quote else [text]


_WRITE = "Write it as model=lstm or seed=1. `bakeoff list models` shows what model= accepts; so for the other groups."


def _near(word: str, value: str = "...") -> str:
    """' Did you mean model=lstm?' for the name of an option, or for one that is close to it; for the name of a group or
    a setting, with the value; else ''."""
    settings = (*GROUPS, *top_level())
    for file in (word, f"{word}{YAML}"):
        if file.endswith(YAML) and expanded(file).is_file():
            return f" Did you mean experiment={file}?"
    if word in settings and value != "...":
        return f" Did you mean {word}={value}?"
    picks = [f"{group}={word}" for group in GROUPS if word in options(group)]
    if picks or word in settings:
        return f" Did you mean {' or '.join([*picks, *[f'{word}=...'] * (word in settings)])}?"
    named = {name: f"{group}={name}" for group in GROUPS for name in options(group)}
    named |= {name: f"{name}={value}" for name in settings}
    near = closest(word, named)
    for name, pick in named.items():
        near = near.replace(f"'{name}'", pick)
    return near


def _no_equals(word: str, overrides: Sequence[str]) -> str:
    position = overrides.index(word)
    begin = max((number for number in range(position) if "=" in overrides[number]), default=position)
    rest = itertools.takewhile(lambda later: "=" not in later, overrides[begin + 1 :])
    whole = " ".join([overrides[begin], *rest])
    before = " ".join(overrides[begin:position])
    if before.endswith(",") or before.count("[") > before.count("]"):
        joined = re.sub(r",\s+", ",", whole)
        meant = shlex.quote(joined + _closing(joined))
        return f"the shell has split {whole} at its blanks. As one word: {meant}."
    following = itertools.takewhile(lambda later: "=" not in later, overrides[position + 1 :])
    near = _near(word, next(following, "..."))
    if before and not near:
        return f"{word!r} is no word of its own. If it belongs to what stands before it: {shlex.quote(whole)}."
    return f"{word!r} is not group=option or key=value.{near or f' {_WRITE}'}"
