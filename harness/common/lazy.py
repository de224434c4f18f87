"""A library that is imported when it is first used.

So settings can be checked without loading torch, although their module uses it.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """Stands for the module of that name, and imports it when an attribute is first read. Attributes are stored after
    the first read, so later reads are fast."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value
