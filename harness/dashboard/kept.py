"""Computed tables, kept in a hidden folder of the results: derived, safe to delete, and found again by content.

A table's key is a hash of what it was made of: the runs with their files' times and sizes, and the code that computes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from harness.common.files import write_bytes

log = logging.getLogger("bakeoff")

FOLDER = ".dashboard"
_MOST_FILES = 100
_MOST_IN_MEMORY = 6
_CODE = ("harness.report", "harness.statistics", "harness.evaluation", "harness.dashboard")


class Kept:
    """A folder of tables as JSON."""

    def __init__(self, results: Path) -> None:
        self._folder = results / FOLDER
        self._in_memory: OrderedDict[str, Any] = OrderedDict()

    def path(self, name: str, key: str) -> Path:
        """Where a table is kept."""
        return self._folder / f"{name}-{key}.json"

    def get(self, name: str, key: str) -> Any:
        """A kept table; None where there is none, or it can't be read."""
        path = self.path(name, key)
        if path.name in self._in_memory:
            self._in_memory.move_to_end(path.name)
            return self._in_memory[path.name]
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return self._hold(path.name, content)

    def put(self, name: str, key: str, content: Any) -> Any:
        """Keep a table; returns it. Where the folder can't be written to, it is held in memory only."""
        path = self.path(name, key)
        self._hold(path.name, content)
        try:
            write_bytes(path, json.dumps(content, separators=(",", ":")).encode())
            self._prune()
        except OSError as error:
            log.info("%s can't be kept (%s): it is computed again by the next start", path, error)
        return content

    def _hold(self, name: str, content: Any) -> Any:
        self._in_memory[name] = content
        while len(self._in_memory) > _MOST_IN_MEMORY:
            self._in_memory.popitem(last=False)
        return content

    def _prune(self) -> None:
        """Delete the oldest tables beyond a number."""
        files = sorted(self._folder.glob("*-*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-_MOST_FILES]:
            path.unlink(missing_ok=True)


def content_key(parts: Iterable[object]) -> str:
    """A hash of what a table is made of, and of the code that makes it."""
    text = json.dumps([_code(), *parts], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def short_hash(name: str) -> str:
    """A name as part of a key."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


@functools.cache
def _code() -> str:
    """A hash of the code that computes tables."""
    digest = hashlib.sha256()
    for package in _CODE:
        for file in sorted(resources.files(package).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
    return digest.hexdigest()
