"""Colours that can be told apart, and labels that do not lie on each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.palette import DARK_PALETTE, MARKERS, PALETTE
from harness.report.plots.style import Look, label_right, looks, new_figure, spread


@pytest.mark.parametrize(
    ("palette", "ground"), [(PALETTE, "#fffffe"), (DARK_PALETTE, "#15171b")], ids=["light", "dark"]
)
def test_every_colour_stands_out_from_its_ground(palette: tuple[str, ...], ground: str) -> None:
    def luminance(colour: str) -> float:  # WCAG 2.1
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for colour in palette:
        lighter, darker = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3.0, colour


def test_names_keep_their_colour_and_marker_and_many_names_stay_apart() -> None:
    names = [f"model {i}" for i in range(40)]
    assert looks(names) == looks(names[::-1])
    assert len({(look.colour, look.marker) for look in looks(names).values()}) == 40
    assert len(MARKERS) == len(PALETTE)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_labels_are_spread_in_their_order_without_overlap(wanted: list[float]) -> None:
    gap = 0.05
    places = spread(wanted, gap, 0.0, 1.0)
    order = np.argsort(wanted, kind="stable")
    ordered = [places[i] for i in order]
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(ordered))
    assert min(places) >= -1e-9
    assert max(places) <= 1 + 1e-9


def test_labels_that_do_not_collide_stay_where_they_are() -> None:
    assert spread([0.9, 0.1, 0.5], 0.05, 0.0, 1.0) == [0.9, 0.1, 0.5]


def test_nothing_in_the_margin_looks_like_a_measured_value() -> None:
    axes = new_figure(3.0).add_subplot()
    axes.plot([1, 2], [3, 4], "o-")
    measured = list(axes.lines)
    label_right(axes, [("lstm", Look(PALETTE[0], "o"), 2.0, 4.0)])
    [leader] = [line for line in axes.lines if line not in measured]
    assert leader.get_marker() == "None"
    assert leader.get_linestyle() != "-"
    assert [text.get_text() for text in axes.texts] == ["lstm"]
