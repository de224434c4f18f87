"""The user's cache folder: downloads, and files that can be made again.

It is `$BAKEOFF_CACHE`, else the platform's folder for caches (~/.cache/bakeoff on Linux). Files appear in it whole or
not at all, so several processes may share it. Deleting it costs only time, and a new download of the plays.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Any

CACHE_VARIABLE = "BAKEOFF_CACHE"


def cache_folder() -> Path:
    """The cache folder; it may not exist yet."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("bakeoff", appauthor=False)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write to. It is moved to `path` when the block ends without an error, and deleted otherwise.

    Raises OSError where the folder can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def cached_json(kind: str, made_from: str, made_by: Sequence[ModuleType], make: Callable[[], Any]) -> Any:
    """The result of `make()` (JSON: lists, dictionaries with string keys, strings, numbers, None), made only once.

    It is kept in the folder `kind`, by the hash of `made_from` (its sources) and of the text of the modules that make
    it: when those change, it is made again. Where the cache can't be written there is one warning.
    """
    key = hashlib.sha256(made_from.encode())
    for module in made_by:
        key.update(inspect.getsource(module).encode())
    path = cache_folder() / kind / f"{key.hexdigest()}.json"
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        pass
    content = make()
    try:
        with writing(path) as file:
            file.write(json.dumps(content).encode())
    except OSError as error:
        warn_unwritable(error)
    return content


_warned_of: set[Path] = set()


def warn_unwritable(error: OSError) -> None:
    """Warn, once in a process, that the cache can't be written."""
    if cache_folder() in _warned_of:
        return
    _warned_of.add(cache_folder())
    warnings.warn(
        f"the cache folder {cache_folder()} can't be written ({error.strerror or error}): texts are prepared in "
        f"memory, again in every process. Free some disk, or set {CACHE_VARIABLE} to a folder that can be written.",
        UserWarning,
        stacklevel=3,
    )
