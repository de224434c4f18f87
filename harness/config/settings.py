"""Builds settings, frozen dataclasses, from plain values, with every key and type checked.

A mapping with a `_target_` is an instance of the dataclass that it names; its other keys are the dataclass's fields.
What doesn't fit is a `UserError` that says where it is, what was got and what is allowed. Where configurations come
from is not known here (see harness/config/compose.py).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import math
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.common.errors import PluginError, UserError, closest
from harness.common.options import LARGEST
from harness.config.plugins import import_module

TARGET = "_target_"

T = typing.TypeVar("T")


def build(node: Any, kind: type[T], place: str) -> T:
    """The settings dataclass that a node's `_target_` names, with every key and type checked.

    node: a mapping with `_target_`; nested mappings with a `_target_` are built too. kind: the class that it must be
    derived from. place: its path in the configuration, for messages. Raises UserError; PluginError where the class's
    own code fails.
    """
    cls = settings_class(node, kind, place)
    target = str(node[TARGET])
    allowed = [field.name for field in dataclasses.fields(typing.cast(Any, cls)) if field.init]
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{place}: the types of {target}'s fields can't be read", error) from error
    values = {}
    for key, value in node.items():
        if key == TARGET:
            continue
        if key not in allowed:
            raise UserError(
                f"{place}.{key} is not an option of {target}.{closest(str(key), allowed)} Allowed: "
                f"{', '.join(allowed)}."
            )
        values[str(key)] = _value(value, hints[str(key)], f"{place}.{key}")
    try:
        return cls(**values)
    except TypeError as error:
        raise UserError(f"{place}: {target} can't be created: {error}.") from None
    except ValueError as error:
        raise UserError(_placed(str(error), place, allowed)) from None
    except (Exception, SystemExit) as error:
        raise PluginError(f"{place}: {target} can't be created", error) from error


def _placed(message: str, place: str, names: Iterable[str]) -> str:
    """What settings say against their values, with the place: 'tune.trials=0 is not allowed: ...'. names: of the
    settings' fields."""
    if message.partition("=")[0] in names:
        message = f"{place}.{message}"
    elif not message.startswith((f"{place}.", f"{place}=")):
        message = f"{place}: {message}"
    return message if message.endswith((".", "?", "!")) else f"{message}."


def settings_class(node: Any, kind: type[T], place: str) -> type[T]:
    """The settings dataclass that a node's `_target_` names, derived from `kind`; `place` is for messages. Raises
    UserError; PluginError where the class's module fails."""
    if not isinstance(node, Mapping):
        raise UserError(f"{place} must be a group of options with a '{TARGET}', but is {node!r}. {_pick(place)}")
    if TARGET not in node:
        raise UserError(
            f"{place} has no line '{TARGET}: MODULE.CLASS', which says what its values are for "
            f"({', '.join(map(str, node)) or 'none'}). Add it to the file that sets {place}, as conf/ has it. Or: "
            f"{_pick(place)}"
        )
    target = str(node[TARGET])
    cls = _import(target, place)
    if not (isinstance(cls, type) and issubclass(cls, kind) and dataclasses.is_dataclass(cls)):
        raise UserError(
            f"{place}: {target} is not a {kind.__name__}. Its '{TARGET}' must name a dataclass derived from that."
        )
    return typing.cast(type[T], cls)


def _pick(place: str) -> str:
    """How an option is picked for a place in the configuration, as a sentence."""
    group, dot, _ = place.partition(".")
    if not dot:
        return f"Pick one with {place}=NAME."
    return f"Pick one with {group}@{place}=NAME." if group == "model" else f"Leave it out with ~{place}."


def targets(node: Any) -> Iterator[str]:
    """Every `_target_` in plain values."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == TARGET:
                yield str(value)
            else:
                yield from targets(value)
    elif isinstance(node, list):
        for item in node:
            yield from targets(item)


def _import(target: str, place: str) -> Any:
    module, _, name = target.rpartition(".")
    try:
        return getattr(import_module(module or target), name)
    except PluginError:
        raise
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"{place}: '{TARGET}: {target}' cannot be imported: {error}. Mend the option's YAML file or "
            "install what it needs."
        ) from error


def _value(value: Any, hint: Any, place: str) -> Any:
    """A value checked against a field's type; nested settings are built."""
    if isinstance(value, Mapping):
        if TARGET in value:
            value = build(value, object, place)
        else:
            value = _with_targets(value, hint)
            settings = [item for item in value.values() if isinstance(item, Mapping) and TARGET in item]
            for key, item in value.items():
                if settings and not isinstance(item, Mapping):
                    raise UserError(
                        f"{place}.{key}={item!r} is not allowed: it must be a group of options, as those beside it. "
                        f"{_pick(f'{place}.{key}')}"
                    )
            value = {str(key): _built(item, f"{place}.{key}") for key, item in value.items()}
    return checked(value, hint, place)


def _built(item: Any, place: str) -> Any:
    return build(item, object, place) if isinstance(item, Mapping) and TARGET in item else item


def _with_targets(value: Mapping[str, Any], hint: Any) -> dict[str, Any]:
    """A mapping whose items can be of one dataclass only: each names it, so that a file need not."""
    cls = typing.get_args(hint)[1] if typing.get_origin(hint) is dict else None
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)) or inspect.isabstract(cls):
        return dict(value)
    target = {TARGET: f"{cls.__module__}.{cls.__qualname__}"}
    return {key: target | dict(item) if isinstance(item, Mapping) else item for key, item in value.items()}


def checked(value: Any, hint: Any, place: str) -> Any:
    """The value converted to the type `hint` (whole floats to integers, lists to tuples). Raises UserError."""
    from pydantic import ValidationError

    if value == math.inf and "inf" in _leaves(hint):
        value = "inf"  # YAML reads the word as a number
    if isinstance(value, float) and value.is_integer() and int in _leaves(hint) and float not in _leaves(hint):
        value = int(value)
    try:
        if isinstance(value, bool) and bool not in _leaves(hint):
            raise UserError(f"{place}={_written(value)} is not allowed: it must be {_spelled(hint)}.")
        converted = _adapter(hint).validate_python(value)
    except ValidationError as error:
        raise UserError(
            f"{place}={_written(value)} is not allowed: it must be {_spelled(hint)}.{_wrong_parts(error, value)}"
            f"{_power(value)}"
        ) from None
    if any(abs(number) > LARGEST for number in _whole_numbers(converted)):
        raise UserError(f"{place}={value!r} is not allowed: a whole number is at most {LARGEST:,} (2^63 - 1).")
    return converted


def _whole_numbers(value: Any) -> Iterator[int]:
    """The whole numbers in a value, its lists and its mappings."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _whole_numbers(item)


def _written(value: Any) -> str:
    """A value as YAML has it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def _wrong_parts(error: Any, value: Any) -> str:
    """' Wrong in it: 0: 'a'.' where parts of a list or of a mapping are wrong, with their places; else ''."""
    places = dict.fromkeys(item["loc"][0] for item in error.errors(include_url=False) if item["loc"])
    inside = value if isinstance(value, Mapping) else dict(enumerate(value)) if isinstance(value, list | tuple) else {}
    parts = [f"{place}: {_written(inside[place])}" for place in places if place in inside]
    return f" Wrong in it: {', '.join(parts)}." if parts else ""


def _power(value: Any) -> str:
    """' Write it as 2e6.' where the value is 2M, else ''."""
    short = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKmMbBgG])", value) if isinstance(value, str) else None
    if short is None:
        return ""
    exponent = {"k": 3, "m": 6, "b": 9, "g": 9}[short[2].lower()]
    return f" Write it as {short[1]}e{exponent}."


@functools.cache
def _adapter(hint: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return TypeAdapter(hint)
    return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False))


def _leaves(hint: Any) -> set[Any]:
    arguments = typing.get_args(hint)
    return set().union(*(_leaves(item) for item in arguments)) if arguments else {hint}


_PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts"}


def _spelled(hint: Any) -> str:
    """A type in a user's words."""
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if hint in words:
        return words[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _spelled(arguments[0])
    if origin is typing.Literal:
        if len(arguments) == 1:
            return str(arguments[0])
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (list, tuple):
        entry = _spelled(arguments[0])
        return f"a list of {_PLURALS.get(entry, entry)}"
    if origin is dict:
        return f"a mapping of names, each with {_spelled(arguments[1])}, as {{name: value}}"
    if arguments:
        return " or ".join(_spelled(item) for item in arguments)
    return getattr(hint, "__name__", str(hint))
