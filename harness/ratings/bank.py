"""A bank: a folder with ratings, of which none is ever changed.

    pairs.jsonl   a rating a line, in the order in which they were made
    gold.jsonl    of simulated raters: how good the replies of each pair really are; no preference model reads it
    bank.json     of banks that a run made: what it was made of, and what it cost

Of several ratings of a pair by one rater the last counts, so a rating is taken back by a skip after it; a repeat counts
by itself. Needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.common.files import append_bytes, write_bytes, write_json
from harness.common.results_folder import ResultsFolder
from harness.ratings.rating import Rating, rating_in

PAIRS_FILE = "pairs.jsonl"
_GOLD_FILE = "gold.jsonl"
ABOUT_FILE = "bank.json"

log = logging.getLogger("bakeoff")


@dataclass(frozen=True)
class Gold:
    """How good the replies of a pair really are, and how a simulated rater sees them."""

    a: float
    b: float
    p: float
    """The probability with which the rater says that a is better."""


class Bank:
    """The ratings in a folder, which may not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / PAIRS_FILE

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def exists(self) -> bool:
        return self.path.is_file()

    @property
    def is_made_by_a_program(self) -> bool:
        """Whether a program rated, and no person."""
        return (self.folder / ABOUT_FILE).is_file()

    @property
    def content_sha256(self) -> str:
        """Of the ratings."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def ratings(self) -> list[Rating]:
        """Those that count, in the order in which each was made first. UserError where there is no bank, or a line of
        it is damaged; an incomplete last line is left out with a warning."""
        if not self.exists:
            raise UserError(
                f"there are no ratings in {self.folder}. Name a bank that is there (`bakeoff ratings` lists them), or "
                f"make this one: `bakeoff rate RUN --bank {self.name}`."
            )
        lines, rest = self._lines()
        if rest:
            log.warning(
                "the last line of %s is incomplete, and left out: whoever wrote it was stopped. The next rating takes "
                "its place",
                self.path,
            )
        counted: dict[tuple[str, str, bool], Rating] = {}
        for number, line in enumerate(lines, 1):
            if line.strip():
                rating = self._read(line, number)
                counted[rating.pair.id, rating.rater, rating.is_repeat] = rating
        if not counted:
            raise UserError(f"{self.path} has no ratings yet. Make some: `bakeoff rate RUN --bank {self.name}`.")
        return list(counted.values())

    def add(self, rating: Rating) -> None:
        """Write a rating at the end. It is in the file when this returns."""
        if self.exists and not self.path.read_bytes().endswith(b"\n"):
            lines, _ = self._lines()
            write_bytes(self.path, b"".join(line + b"\n" for line in lines))
        append_bytes(self.path, rating.line)

    def gold(self) -> dict[str, Gold]:
        """By pair, where the rater was simulated; else empty."""
        path = self.folder / _GOLD_FILE
        if not path.is_file():
            return {}
        return {entry.pop("pair"): Gold(**entry) for entry in map(json.loads, path.read_bytes().splitlines())}

    def about(self) -> dict[str, Any]:
        """What bank.json says; empty where there is none."""
        path = self.folder / ABOUT_FILE
        return dict(json.loads(path.read_bytes())) if path.is_file() else {}

    def write(self, ratings: Sequence[Rating], gold: Mapping[str, Gold], about: Mapping[str, Any]) -> None:
        """Write a whole bank at once. It exists when all of it is written."""
        entries = [json.dumps({"pair": pair, **asdict(of_pair)}) + "\n" for pair, of_pair in gold.items()]
        write_bytes(self.folder / _GOLD_FILE, "".join(entries).encode())
        write_json(self.folder / ABOUT_FILE, about)
        write_bytes(self.path, b"".join(rating.line for rating in ratings))

    def _lines(self) -> tuple[list[bytes], bytes]:
        """(the lines, what is left of one that was written only in part)."""
        *lines, last = self.path.read_bytes().split(b"\n")
        if not last:
            return lines, b""
        try:
            rating_in(last)
        except ValueError:
            return lines, last
        return [*lines, last], b""

    def _read(self, line: bytes, number: int) -> Rating:
        try:
            return rating_in(line)
        except ValueError as error:
            raise UserError(
                f"line {number} of {self.path} is no rating: {error}. Mend it, or delete the line."
            ) from None


def banks_in(results: ResultsFolder) -> list[Bank]:
    """Those that are in a results folder, by name."""
    folders = results.ratings.iterdir() if results.ratings.is_dir() else ()
    return sorted((bank for folder in folders if (bank := Bank(folder)).exists), key=lambda bank: bank.name)
