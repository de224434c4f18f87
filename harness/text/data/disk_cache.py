"""The user's cache folder: downloads, and files that can be made again.

The folder is `$BAKEOFF_CACHE`, else the platform's cache folder (~/.cache/bakeoff on Linux). Files appear in it whole
or not at all, so several processes may share it. It can be deleted: everything is made or downloaded again.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.common.files import expanded, write_bytes

CACHE_VARIABLE = "BAKEOFF_CACHE"


def cache_folder() -> Path:
    """The cache folder; it may not exist yet."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return expanded(chosen)
    import platformdirs

    return platformdirs.user_cache_path("bakeoff", appauthor=False)


def cached_json(kind: str, made_from: str, made_by: Sequence[ModuleType], make: Callable[[], Any]) -> Any:
    """The result of `make()` (JSON: lists, dictionaries with string keys, strings, numbers, None), made only once.

    The result is stored in the folder `kind`, under a hash of `made_from` (its sources) and of the source of the
    modules that make it. It is made again when those change, or when the file is damaged (it begins with a digest of
    the rest). Where the cache can't be written, there is one warning.
    """
    key = hashlib.sha256(made_from.encode())
    for module in made_by:
        key.update(inspect.getsource(module).encode())
    path = cache_folder() / kind / f"{key.hexdigest()}.json"
    try:
        digest, _, stored = path.read_bytes().partition(b"\n")
        if digest == _digest(stored):
            return json.loads(stored)
    except OSError:
        pass
    content = make()
    try:
        stored = json.dumps(content).encode()
        write_bytes(path, _digest(stored) + b"\n" + stored)
    except OSError as error:
        warn_unwritable(error)
    return content


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


_warned_of: set[Path] = set()


def warn_unwritable(error: OSError) -> None:
    """Warn, once in a process, that the cache can't be written."""
    if cache_folder() in _warned_of:
        return
    _warned_of.add(cache_folder())
    warnings.warn(
        f"the cache folder {cache_folder()} can't be written to ({error.strerror or error}): every process prepares "
        f"texts again in memory. Free some disk space, or set {CACHE_VARIABLE} to a folder that can be written to.",
        UserWarning,
        stacklevel=3,
    )
