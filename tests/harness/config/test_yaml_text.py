"""YAML that would fill the memory is refused at once."""

from __future__ import annotations

import itertools

import pytest
import yaml

from harness.config.yaml_text import plain_values

LISTS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(f'*{before}' for _ in range(10))}]\n" for before, name in itertools.pairwise("abcdef")
)
"""A million values in six lines."""
MERGED = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join(f'*{before}' for _ in range(10))}]}}\n"
    for before, name in itertools.pairwise("abcdefg")
)


def test_aliases_stand_for_their_anchor() -> None:
    assert plain_values("a: &a [1, '*']\nb: *a\nc: {<<: {d: 2}}") == {"a": [1, "*"], "b": [1, "*"], "c": {"d": 2}}
    assert plain_values("# 2 * 3\n") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LISTS, "stands for more than 100,000 values"),
        (MERGED, "stands for more than 100,000 values"),
        ("a: &a [*a]", "within its own anchor"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: *b", "undefined alias"),
    ],
)
def test_a_text_that_would_fill_the_memory_is_refused(text: str, why: str) -> None:
    with pytest.raises(yaml.YAMLError, match=why):
        plain_values(text)


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "x:\n  - {a: 1, a: 1}", "? {a: 1, a: 2}\n: 3"])
def test_a_key_that_stands_twice_is_named_with_its_line(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match=r"(?s)the key 'a' stands twice.*line"):
        plain_values(text)


def test_a_merged_mapping_s_keys_may_be_overwritten() -> None:
    assert plain_values("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}")["b"] == {"x": 3, "y": 2}
