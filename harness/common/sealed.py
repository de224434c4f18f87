"""Sealed files: a file that marks other files as finished, and holds their digests.

A sealed file is a JSON object that is written after the files that it seals. Besides its own content it holds the
SHA-256 of each of them ('files') and of itself ('sha256'). So a file that was changed afterwards, by a failing disk or
by hand, or that belongs to something else, is noticed before anything is read from it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.common.files import write_json

_FILES, _DIGEST = "files", "sha256"

# A file that was changed so recently may change again within the clock's resolution, and look the same.
_SETTLED_AFTER_NS = 2_000_000_000


class Damaged(UserError):
    """A file that is missing, or that changed after it was written."""

    def __init__(self, path: Path, part_of: str, why: str, command: str = "the command that made it") -> None:
        """part_of: as 'fit 0123'. why: as 'it is missing'. command: makes it again."""
        self.damage = f"{path} is damaged: {why}"
        super().__init__(f"{self.damage}. It is part of {part_of}. Run {command}: it makes {part_of} again.")
        self.path, self.part_of, self._why = path, part_of, why

    def mended_by(self, command: str) -> Damaged:
        """The same error, with the command line that makes it again."""
        return Damaged(self.path, self.part_of, self._why, f"`{command}`")


def write_sealed(path: Path, content: Mapping[str, Any], files: Iterable[str] = ()) -> None:
    """Write a sealed file. files: the files that it seals, relative to its folder; they must exist."""
    digests = {name: digest(path.parent / name) for name in files}
    body = json.loads(json.dumps({**content, _FILES: digests}))  # as it will be when read back
    write_json(path, {**body, _DIGEST: content_digest(body)})


def read_object(path: Path, part_of: str) -> dict[str, Any]:
    """The JSON object in a file, without checking digests. Damaged where it isn't one; FileNotFoundError."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise Damaged(path, part_of, f"it is not valid JSON ({error})") from None
    if not isinstance(content, dict):
        raise Damaged(path, part_of, f"it is not a JSON object: {str(content)[:40]}")
    return content


def read_sealed(path: Path, part_of: str) -> dict[str, Any]:
    """The content of a sealed file, after checking it and all files that it seals.

    Damaged where one of them changed or is missing; FileNotFoundError where there is no sealed file.
    """
    content = read_object(path, part_of)
    digests = check_itself(path, content, part_of)
    for name in digests:
        check_file(path, content, name, part_of)
    return without_seal(content)


def without_seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """A sealed file's own content."""
    return {key: value for key, value in content.items() if key not in (_FILES, _DIGEST)}


def check_itself(path: Path, content: Mapping[str, Any], part_of: str) -> Mapping[str, str]:
    """The digests in a sealed file. Damaged where its content changed after it was written."""
    body = {key: value for key, value in content.items() if key != _DIGEST}
    if content.get(_DIGEST) != content_digest(body):
        raise Damaged(path, part_of, "its content changed after it was written")
    digests: Mapping[str, str] = body.get(_FILES, {})
    return digests


def check_file(path: Path, content: Mapping[str, Any], name: str, part_of: str) -> None:
    """Damaged where a sealed file's digest of another file doesn't match. content: of the sealed file."""
    file = path.parent / name
    expected = content.get(_FILES, {}).get(name)
    try:
        actual = digest(file)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Damaged(file, part_of, "it is missing") from None
    if actual != expected:
        raise Damaged(
            file,
            part_of,
            f"its content changed after it was written (SHA-256 {actual[:12]}…, expected {str(expected)[:12]}…)",
        )


def digest(path: Path) -> str:
    """A file's SHA-256 (hex), computed once in a process while the file doesn't change."""
    status = path.stat()
    compute = _digest if time.time_ns() - status.st_mtime_ns > _SETTLED_AFTER_NS else _digest.__wrapped__
    return compute(path.absolute(), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=65_536)
def _digest(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
