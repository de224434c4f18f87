"""Files are written completely or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.common.files import (
    append_bytes,
    expanded,
    from_here,
    move_into_place,
    probe_folder,
    remove_leftovers,
    target_file,
    target_folder,
    write_bytes,
    write_json,
    writing,
)


def test_what_is_written_is_read_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_json(path, {"é": [1, None, "x"]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": [1, None, "x"]}
    assert "é" in path.read_text(encoding="utf-8")
    write_json(path, ["caf\udce9.txt"])  # a name that is not UTF-8
    assert json.loads(path.read_text(encoding="utf-8")) == ["caf\udce9.txt"]
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"


@pytest.mark.parametrize(
    ("path", "seen"),
    [("results", "results"), ("HERE/a/b", "a/b"), ("HERE", "."), ("../results", "../results"), ("/else", "/else")],
)
def test_a_path_is_seen_from_the_current_folder_where_it_is_below(
    path: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_here(Path(path.replace("HERE", str(tmp_path)))) == Path(seen)


def test_a_tilde_is_a_home_folder_and_that_of_a_stranger_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert expanded("~/a") == Path("/home/me/a")
    assert expanded("./~a") == Path("~a")
    with pytest.raises(UserError, match=r"~nosuchuser/a can't be found: there is no home folder ~nosuchuser\."):
        expanded("~nosuchuser/a")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_values_that_json_lacks_are_refused_and_the_old_file_stays(tmp_path: Path, number: float) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, number)
    assert path.read_text() == "1\n"


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: int) -> None:
        raise OSError("no space left")

    path = tmp_path / "a"
    write_bytes(path, b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """Records flushes and renames in order, each with its path."""
    done: list[tuple[str, Path]] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append(("flush", path))
        if path.is_file():
            assert path.read_bytes(), "flushed before it was written"
        fsync(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        done.append(("rename", Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    return done


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system doesn't say what is open")


@needs_proc
def test_content_is_flushed_then_renamed_then_the_folder_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = recorded(monkeypatch)
    write_bytes(tmp_path / "file", b"content")
    [(first, temporary), *rest] = done
    assert (first, temporary.parent) == ("flush", tmp_path)
    assert temporary.name.startswith(".file.")
    assert rest == [("rename", tmp_path / "file"), ("flush", tmp_path)]


@needs_proc
def test_a_new_folder_is_flushed_into_the_one_that_lists_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = recorded(monkeypatch)
    write_bytes(tmp_path / "a" / "b" / "file", b"content")
    flushed = [path for kind, path in done if kind == "flush"]
    assert {tmp_path, tmp_path / "a"} <= set(flushed[:2])
    assert flushed[-1] == tmp_path / "a" / "b"


@needs_proc
def test_what_other_code_wrote_is_flushed_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").write_bytes(b"content")
    done = recorded(monkeypatch)
    move_into_place(tmp_path / "new", tmp_path / "file")
    assert done == [("flush", tmp_path / "new"), ("rename", tmp_path / "file"), ("flush", tmp_path)]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def half() -> None:
        with writing(tmp_path / "folder" / "file") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert list((tmp_path / "folder").iterdir()) == []
    with writing(tmp_path / "folder" / "file") as file:
        file.write(b"whole")
        assert not (tmp_path / "folder" / "file").exists()
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]


def test_two_machines_with_one_process_id_never_share_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with writing(tmp_path / "file") as first, writing(tmp_path / "file") as second:
        assert first.name != second.name
        first.write(b"first")
        second.write(b"second")
    assert (tmp_path / "file").read_bytes() == b"first"  # the last to be renamed
    assert len(list(tmp_path.iterdir())) == 1


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"content")
    append_bytes(tmp_path / "file", b" and more")
    (tmp_path / ".claim").touch()
    (tmp_path / ".file.some-host.0123456789abcdef.tmp").touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"file", ".claim"}
    assert (tmp_path / "file").read_bytes() == b"content and more"


def test_a_folder_is_tried_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    probe_folder(tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        probe_folder(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        probe_folder(tmp_path / "absent")


def test_where_a_file_can_be_written_nothing_is_left_of_the_attempt(tmp_path: Path) -> None:
    assert target_file(str(tmp_path / "new" / "lm.arpa"), "lm.arpa") == tmp_path / "new" / "lm.arpa"
    (tmp_path / "link").symlink_to("linked.txt")
    assert target_file(str(tmp_path / "link"), "lm.arpa") == tmp_path / "linked.txt"
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_where_no_file_can_be_written_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "self").symlink_to("self")
    for name, why in {
        f"{tmp_path}": rf"it is a folder\. Name another file, as {tmp_path}/lm\.arpa",
        f"{tmp_path}/file/lm.arpa": "file is a file, not a folder",
        f"{tmp_path}/pipe": "it is a named pipe",
        f"{tmp_path}/self": "it is a link that leads back to itself",
        "/proc/lm.arpa": "No such file or directory",
        "/dev/null": "it is a device",
        f"{tmp_path}/{'a' * 300}": "File name too long",
    }.items():
        with pytest.raises(UserError, match=f"can't be written: .*{why}"):
            target_file(name, "lm.arpa")


def test_a_folder_to_write_is_new_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name in ("empty", "new", "new/er"):
        assert target_folder(str(tmp_path / name)) == tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
    for name, said in {
        ".": "is not empty",
        "file": "is a file, not a folder",
        "file/x": "file/x can't be written: .* Name another folder",
    }.items():
        with pytest.raises(UserError, match=said):
            target_folder(str(tmp_path / name))
