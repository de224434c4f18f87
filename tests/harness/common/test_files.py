"""Files appear whole or not at all, and are on disk before anything that relies on them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.common.files import append_bytes, move_into_place, remove_leftovers, write_bytes, writing


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What is flushed and renamed from now on, in order, each with its path."""
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
    (tmp_path / ".lock").touch()
    (tmp_path / ".file.some-host.0123456789abcdef.tmp").touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"file", ".lock"}
    assert (tmp_path / "file").read_bytes() == b"content and more"
