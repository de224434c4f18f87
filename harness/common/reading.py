"""Reads files that the user names. A named pipe or a device may never begin or never end: it is refused at once."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_ALREADY_OPEN = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""Pipes that the shell opened, as `<(command)` does: something writes to them."""

_KINDS = {
    stat.S_IFIFO: "it is a named pipe, not a file",
    stat.S_IFSOCK: "it is a socket, not a file",
    stat.S_IFCHR: "it is a device, not a file",
    stat.S_IFBLK: "it is a device, not a file",
}


def read_bytes(path: Path) -> bytes:
    """A file's content. OSError where it can't be read; its strerror says why."""
    if (why := why_no_file(path)) is not None:
        raise OSError(errno.EINVAL, why, str(path))
    return path.read_bytes()


def why_no_file(path: Path) -> str | None:
    """What is at a path from which nothing can be read, as 'it is a named pipe, not a file'. None where a file or a
    folder is, or nothing."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if not path.is_symlink():
            return None
        if error.errno == errno.ELOOP:
            return "it is a link that leads back to itself"
        return f"it is a link to {os.readlink(path)}, which does not exist" if error.errno == errno.ENOENT else None
    return None if str(path).startswith(_ALREADY_OPEN) else _KINDS.get(stat.S_IFMT(mode))
