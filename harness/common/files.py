"""All files are written through this module: completely or not at all, and safely on disk before other code relies on
them.

Content is written to a temporary file in the same folder and flushed to disk. Then the file is renamed and the folder
is flushed. So a reader sees the old file or the new one, never half a file, even after a power failure. Files that mark
something as finished are written last.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.common.errors import UserError
from harness.common.reading import why_no_file

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""The errors of a disk, or a folder of it, on which no more can be written."""

_SUFFIX = ".tmp"


def expanded(name: str | Path) -> Path:
    """A path with ~ replaced by the home folder. UserError for that of a user who isn't there."""
    written_out = os.path.expanduser(name)
    if written_out.startswith("~"):
        raise UserError(f"{name} can't be found: there is no home folder {Path(name).parts[0]}. Write the whole path.")
    return Path(written_out)


def from_here(path: Path) -> Path:
    """A path as users see it: from the current folder where it is below that, else the whole path."""
    whole, here = path.absolute(), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


def write_json(path: Path, content: Any) -> None:
    """Write JSON. Refuses NaN and infinities."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # Characters that aren't valid UTF-8 (from a file's name) become JSON escapes.
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file."""
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write to. It is renamed to `path` when the block ends without an error; otherwise it is deleted.

    OSError where the folder can't be written to.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{secrets.token_hex(8)}{_SUFFIX}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def move_into_place(source: Path, target: Path) -> None:
    """Flush a file that other code wrote on the same file system, and rename it."""
    _flush(source)
    os.replace(source, target)
    _flush(target.parent)


def append_bytes(path: Path, content: bytes) -> None:
    """Append to a file in one write. Two processes may append at once; a process that dies can leave at worst an
    incomplete last piece."""
    make_folder(path.parent)
    with path.open("ab") as file:
        file.write(content)


def target_file(name: str, example: str) -> Path:
    """The path of a file that the user wants written, links followed. UserError where no file can be written there;
    nothing is left of the attempt. example: a file's name, for the message."""
    path = Path(os.path.realpath(expanded(name)))
    why = _why_no_target(path)
    if os.path.isdir(path):  # raises for no name, however long
        why, example = "it is a folder", str(Path(name) / example)
    if why is not None:
        raise UserError(f"{name} can't be written: {why}. Name another file, as {example}.")
    return path


def target_folder(name: str) -> Path:
    """The path of a folder that the user wants written, links followed. UserError where it can't be, or holds files
    already; nothing is left of the attempt."""
    path = Path(os.path.realpath(Path(name).expanduser()))
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"{name} is not empty, and nothing in it is overwritten. Name a new folder.")
    if path.exists() and not path.is_dir():
        raise UserError(f"{name} is a file, not a folder. Name a new folder.")
    if (why := _why_no_target(path / "any")) is not None:
        raise UserError(f"{name} can't be written: {why}. Name another folder.")
    return path


def _why_no_target(path: Path) -> str | None:
    """Why no file can be written to a path, in a few words; None where it can. Nothing is left of the attempt."""
    try:
        if (why := why_no_file(path)) is not None:
            return why
        nearest = next(folder for folder in path.parents if folder.exists())
        if not nearest.is_dir():
            return f"{nearest} is a file, not a folder"
        probe_folder(nearest)
    except OSError as error:
        return str(error.strerror)
    return None


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, and flush the folders that list them."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _flush(path.parent)


def probe_folder(folder: Path) -> None:
    """Raise OSError where no folder can be made in this one. Nothing is left of the attempt."""
    probe = folder / f".{socket.gethostname()}.{secrets.token_hex(8)}{_SUFFIX}"
    probe.mkdir()
    probe.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of processes that died. The caller must hold the folder: nobody else may be
    writing."""
    for path in folder.glob(f".*{_SUFFIX}"):
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Flush a file's content, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems can't flush folders
            raise
    finally:
        os.close(descriptor)
