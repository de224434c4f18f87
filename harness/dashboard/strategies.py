"""Decoding strategies as forms: what can be set, and what was set. Needs no torch.

Only strategies that are installed can be picked, and only their own settings set: an address names no file and no
class.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from harness.common.errors import UserError, closest
from harness.config.options import comments, option, options, quoted
from harness.config.settings import TARGET, settings_class

DRAFT = "search.draft"
"""The setting that names another run."""
OWN = "own"
"""The strategy that a run was made with."""
_ENDS = {
    "temperature": (0.05, 3.0, 0.05),
    "p": (0.05, 1.0, 0.05),
    "min_p": (0.0, 1.0, 0.01),
    "mass": (0.05, 0.95, 0.05),
    "epsilon": (0.0001, 0.1, 0.0001),
    "alpha": (0.0, 1.0, 0.05),
    "penalty": (0.5, 3.0, 0.05),
    "presence": (0.0, 3.0, 0.1),
    "frequency": (0.0, 3.0, 0.1),
    "target_bits": (0.1, 8.0, 0.1),
    "learning_rate": (0.01, 1.0, 0.01),
    "length_penalty": (0.0, 3.0, 0.1),
    "diversity_penalty": (0.0, 3.0, 0.1),
}
"""What a slider reaches, and its steps; a number can be typed beyond it."""
_MOST = {"num_samples": 64, "num_beams": 64, "k": 10_000, "num_draft_tokens": 64}
"""What a page may ask for; a command may ask for more."""


@dataclass(frozen=True)
class Setting:
    """One value of a strategy."""

    name: str
    """Dotted: 'transforms.top_p.p'."""
    label: str
    about: str
    """'' where nothing is said of it."""
    value: str
    kind: str
    """'number', 'choice', 'run' or 'text'."""
    choices: tuple[str, ...] = ()
    ends: tuple[float, float, float] | None = None
    """Of a slider, and its steps."""


def names() -> list[str]:
    """The strategies that can be picked: those that need nothing else of a run, as its rewards."""
    return [name for name in options("decoding") if "${" not in json.dumps(option("decoding", name).content)]


def settings(name: str, values: Mapping[str, str]) -> list[Setting]:
    """What can be set about a strategy. values: what was set, by dotted name."""
    about = comments("decoding", name)
    content = option("decoding", name).content
    return [
        _setting(key, value, hint, about.get(key, ""), values.get(key)) for key, value, hint in _leaves(content, "")
    ]


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any, Any]]:
    """(dotted name, default, type) of every value."""
    cls = settings_class(node, object, "decoding") if TARGET in node else None
    hints = typing.get_type_hints(cls) if cls is not None else {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif key != TARGET:
            yield f"{prefix}{key}", value, hints.get(key, str)


def _setting(name: str, default: Any, hint: Any, about: str, given: str | None) -> Setting:
    value = _spelled(default) if given is None else given
    label = name.rpartition(".")[2].replace("_", " ")
    literals = [literal for part in (hint, *typing.get_args(hint)) for literal in typing.get_args(part)]
    literals = [literal for literal in literals if isinstance(literal, str)]
    if bool in (hint, *typing.get_args(hint)):
        literals = ["true", "false", *literals]
    if name == DRAFT:
        return Setting(name, label, about, value, "run")
    if literals:
        return Setting(name, label, about, value, "choice", tuple(literals))
    if isinstance(default, int | float):
        ends = _ENDS.get(name.rpartition(".")[2])
        return Setting(name, label, about, value, "number", ends=ends)
    return Setting(name, label, about, value, "text")


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def filled(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A strategy's keys with other values, ready to be built. UserError for a strategy or a setting that there isn't,
    and for a value of another type."""
    if name not in names():
        raise UserError(
            f"there is no decoding strategy {name!r}.{closest(name, names())} Allowed: {', '.join(names())}."
        )
    content = deepcopy(dict(option("decoding", name).content))
    defaults = {key: (value, hint) for key, value, hint in _leaves(content, "")}
    for key, text in values.items():
        if key not in defaults:
            raise UserError(f"{name} has no setting {key!r}.{closest(key, defaults)} Allowed: {', '.join(defaults)}.")
        *parts, last = key.split(".")
        node = content
        for part in parts:
            node = node[part]
        node[last] = _value(key, text, *defaults[key])
    return content


def _value(key: str, text: str, default: Any, hint: Any) -> Any:
    if text == "null" and type(None) in typing.get_args(hint):
        return None
    if isinstance(default, str):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        if isinstance(default, bool) or default is None:
            return text  # 'never', a pattern
        raise UserError(
            f"{key}={text!r} is not allowed: {'a list in brackets' if isinstance(default, list) else 'a number'}."
        ) from None
    most = _MOST.get(key.rpartition(".")[2])
    if most is not None and isinstance(value, int) and value > most:
        raise UserError(f"{key}={value:,} is not allowed here: at most {most:,}. `bakeoff complete` allows more.")
    return float(value) if isinstance(default, float) and isinstance(value, int) else value


def in_words(name: str, values: Mapping[str, str]) -> str:
    """As --decoding takes it: 'top_p decoding.transforms.top_p.p=0.8'. Only what differs from the default."""
    defaults = {key: value for key, value, _ in _leaves(option("decoding", name).content, "")}
    node = filled(name, values)
    words = [name]
    for key in values:
        value: Any = node
        for part in key.split("."):
            value = value[part]
        if value != defaults[key]:
            text = quoted(value) if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            words.append(f"decoding.{key}={text}")
    return " ".join(words)


def values_in(pairs: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The settings among the parts of an address: those whose names begin with a prefix."""
    return {key.removeprefix(prefix): value for key, value in pairs.items() if key.startswith(prefix)}
