"""What isn't a file is refused by name, and never waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from harness.common.reading import read_bytes, why_no_file


def test_a_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"text")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert read_bytes(tmp_path / "a.txt") == read_bytes(tmp_path / "b.txt") == b"text"
    assert why_no_file(tmp_path / "b.txt") is why_no_file(tmp_path) is why_no_file(tmp_path / "absent") is None


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "to_pipe.txt").symlink_to("pipe.txt")
    (tmp_path / "self.txt").symlink_to("self.txt")
    (tmp_path / "dangling.txt").symlink_to("nowhere.txt")
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.txt"))
    for name, why in {
        "pipe.txt": "it is a named pipe, not a file",
        "to_pipe.txt": "it is a named pipe, not a file",
        "self.txt": "it is a link that leads back to itself",
        "dangling.txt": "it is a link to nowhere.txt, which does not exist",
        "zero.txt": "it is a device, not a file",
        "socket.txt": "it is a socket, not a file",
    }.items():
        with pytest.raises(OSError, match=why):
            read_bytes(tmp_path / name)


def test_a_pipe_that_the_shell_opened_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"text")
    os.close(writing)
    assert read_bytes(Path(f"/dev/fd/{reading}")) == b"text"
    os.close(reading)
