"""Reads YAML, and refuses what would fill the memory before anything is made of it, and a key that stands twice in a
mapping, whose first value would be lost.

An alias (*name) stands for a whole part of the file. A few lines of aliases of aliases can stand for billions of
values, and an alias within its own anchor for infinitely many.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import yaml

_MAX_VALUES = 100_000


def plain_values(text: str) -> Any:
    """The values in a YAML text. yaml.YAMLError where it isn't YAML, has a key twice, is nested too deeply, or stands
    for more values than any configuration has."""
    return copy.deepcopy(_values(text))


@functools.lru_cache(maxsize=256)
def _values(text: str) -> Any:
    """The same, remembered: the runs of a sweep read the same few files."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return None
        if _num_values(root, {}) > _MAX_VALUES:
            raise yaml.YAMLError(f"with its aliases (*name) it stands for more than {_MAX_VALUES:,} values")
        return loader.construct_document(root)
    except RecursionError:
        raise yaml.YAMLError("its values are nested too deeply") from None


def _num_values(node: yaml.Node, counted: dict[yaml.Node, int | None]) -> int:
    """The values that a node stands for, with all that is in it. counted: by node; None while it is being counted."""
    if node not in counted:
        counted[node] = None
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            parts = node.value
        elif isinstance(node, yaml.MappingNode):
            _check_keys(node)
            parts = [part for pair in node.value for part in pair]
        counted[node] = 1 + sum(_num_values(part, counted) for part in parts)
    number = counted[node]
    if number is None:
        raise yaml.YAMLError("an alias (*name) stands within its own anchor (&name)")
    return number


def _check_keys(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        if (key.tag, key.value) in seen:
            raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
        seen.add((key.tag, key.value))
