"""Every benchmark can be imported with the code as it is."""

from __future__ import annotations

import importlib

import pytest

from tests.conftest import ROOT

MODULES = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "benchmarks").rglob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_it_imports_what_there_is(name: str) -> None:
    importlib.import_module(name)
