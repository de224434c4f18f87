"""Plugin files in tests: a process in which none was named yet."""

from __future__ import annotations

import sys

import pytest

from harness.config import plugins


def forget_files(patch: pytest.MonkeyPatch) -> None:
    """Take the modules of plugin files out of `sys.modules`, until the test ends."""
    for plugin in plugins.loaded_files():
        patch.delitem(sys.modules, plugin.module)
