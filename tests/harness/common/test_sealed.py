"""A seal notices every change after writing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.common import sealed
from harness.common.files import write_bytes
from harness.common.sealed import Damaged, digest, read_sealed, write_sealed

CONTENT = {"fit_id": "a1", "spent": {"seconds": 0.1, "tokens": 12}, "names": ["é", None]}


@pytest.fixture
def seal(tmp_path: Path) -> Path:
    write_bytes(tmp_path / "weights", b"\x00\x01" * 500)
    write_bytes(tmp_path / "folder" / "text", b"said")
    write_sealed(tmp_path / "seal.json", CONTENT, ("weights", "folder/text"))
    return tmp_path / "seal.json"


def test_an_unchanged_file_is_read(seal: Path) -> None:
    assert read_sealed(seal, "fit a1") == CONTENT
    held = json.loads(seal.read_bytes())
    assert held["files"] == {
        "weights": hashlib.sha256(b"\x00\x01" * 500).hexdigest(),
        # by `printf said | sha256sum`
        "folder/text": "fb46c79b7eb7af175f493755b491afa9b25574a9230b8822c629f224a2df4e58",
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-2],  # of JSON the last character is a line break
        lambda content: content[: len(content) // 2],
        lambda content: bytes(len(content)),
        lambda content: content[:77] + bytes([content[77] ^ 1]) + content[78:],
        lambda content: content + b"\x00",
        lambda content: os.urandom(len(content)),
        lambda content: None,
    ],
    ids=["empty", "cut at the end", "half", "zeros", "a bit", "one more", "noise", "missing"],
)
@pytest.mark.parametrize("name", ["weights", "seal.json"])
def test_a_damaged_file_is_named(seal: Path, name: str, damage: Callable[[bytes], bytes | None]) -> None:
    path = seal.parent / name
    content = damage(path.read_bytes())
    path.unlink()
    if content is None and path == seal:
        with pytest.raises(FileNotFoundError):
            read_sealed(seal, "fit a1")
        return
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Damaged) as caught:
        read_sealed(seal, "fit a1")
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    assert "part of fit a1" in str(caught.value)


@given(data=st.data())
def test_any_changed_bit_of_the_content_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    seal = tmp_path_factory.mktemp("seal") / "seal.json"
    write_sealed(seal, CONTENT)
    content = bytearray(seal.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    seal.write_bytes(content)
    try:
        assert read_sealed(seal, "it") == CONTENT  # white space, or another spelling of the same
    except Damaged:
        return


@pytest.mark.parametrize("content", [b"[1,2]", b'"text"', b"1", b"null", b"{}", b'{"files": {}}', b"\xff"])
def test_a_file_without_a_seal_is_damaged(seal: Path, content: bytes) -> None:
    seal.write_bytes(content)
    with pytest.raises(Damaged):
        read_sealed(seal, "fit a1")


def test_the_error_names_the_command_that_mends_it(seal: Path) -> None:
    (seal.parent / "weights").unlink()
    with pytest.raises(Damaged) as caught:
        read_sealed(seal, "fit a1")
    assert "Run the command that made it: it makes fit a1 again" in str(caught.value)
    assert "Run `bakeoff run x`: it makes fit a1 again" in str(caught.value.mended_by("bakeoff run x"))


def test_a_file_that_stays_as_it_is_is_digested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    read: list[int] = []
    file_digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: (read.append(1), file_digest(*given))[1])
    monkeypatch.setattr(sealed, "_SETTLED_AFTER_NS", -(10**9))
    assert digest(path) == digest(path) == hashlib.sha256(b"old").hexdigest()
    assert len(read) == 1
    path.write_bytes(b"newer")
    assert digest(path) == hashlib.sha256(b"newer").hexdigest()


def test_a_file_that_changes_within_the_clock_s_resolution_is_digested_again(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    for content in (b"old", b"new", b"odd"):
        path.write_bytes(content)
        os.utime(path, ns=(now := path.stat().st_mtime_ns // 10**9 * 10**9, now))
        assert digest(path) == hashlib.sha256(content).hexdigest()
