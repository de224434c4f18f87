"""Nested settings have dotted names."""

from __future__ import annotations

from harness.common.dotted import flat


def test_nested_settings_have_dotted_names_and_empty_ones_none() -> None:
    nested = {"model": {"order": 3, "members": {"first": {"order": 2}}}, "evals": {}, "seed": 0, "list": [1]}
    assert flat(nested) == {"model.order": 3, "model.members.first.order": 2, "seed": 0, "list": [1]}
