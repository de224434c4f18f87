"""A library that is imported when it is first used."""

from __future__ import annotations

import sys

import pytest

from harness.common.lazy import LazyModule


def test_a_module_is_imported_when_an_attribute_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    library = LazyModule("colorsys")
    assert "colorsys" not in sys.modules
    assert library.rgb_to_hsv(1.0, 0.0, 0.0) == (0.0, 1.0, 1.0)
    assert "colorsys" in sys.modules


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        LazyModule("colorsys").no_such_name  # noqa: B018
