"""How families look in every view: one colour a family, whatever else is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.report.palette import MARKERS, PALETTE

_MOST_CHARACTERS = 18


@dataclass(frozen=True)
class Look:
    """A colour, as the name of a class, and a marker."""

    colour: str
    marker: str


def looks(families: Iterable[str]) -> dict[str, Look]:
    """By family, in the order of their names: colours are used again beyond eight, with another marker."""
    num_colours = len(PALETTE)
    return {
        family: Look(f"c{index % num_colours}", MARKERS[(index + index // num_colours) % len(MARKERS)])
        for index, family in enumerate(sorted(set(families)))
    }


def shortened(name: str, most: int = _MOST_CHARACTERS) -> str:
    """A name for a narrow place: of a long one the middle is left out, since names that begin alike differ at their
    ends."""
    half = most // 2
    return name if len(name) <= most else f"{name[: half - 1]}…{name[-half:]}"
