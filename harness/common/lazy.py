"""A library that is imported when it is first used.

So settings can be checked without torch, although their module computes with it.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """Stands for the module of that name, and imports it for the first attribute that is read. An attribute that was
    read once costs no more than the module's own, and stays what it was."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value
