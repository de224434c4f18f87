from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness.dashboard.charts.points import MOST_POINTS, Dot, Plane, empty, pareto, scatter
from harness.dashboard.looks import Look

LOOK, PLANE = Look("c0", "o"), Plane("x", "y")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("lower", [True, False])
def test_the_front_is_what_nobody_beats(seed: int, lower: bool) -> None:
    draws = np.random.default_rng(seed)
    points = [(float(x), float(y)) for x, y in draws.integers(0, 6, (8, 2))]
    sign = 1 if lower else -1

    def beaten(point: tuple[float, float]) -> bool:
        return any(x <= point[0] and sign * y <= sign * point[1] and (x, y) != point for x, y in points)

    assert set(pareto(points, lower)) == {point for point in points if not beaten(point)}


def test_every_sample_is_a_point_and_many_are_counted() -> None:
    dots = [Dot(float(x), float(y), LOOK, f"{x} {y}") for x, y in itertools.product(range(10), range(10))]
    assert sum(mark.kind == "dot" for mark in scatter(dots, PLANE, "", "s").marks) == 100
    many = dots * (MOST_POINTS // 100 + 1)
    squares = [mark for mark in scatter(many, PLANE, "", "s").marks if mark.kind == "rect"]
    assert sum(int(mark.text.split()[0].replace(",", "")) for mark in squares) == len(many)


def test_names_hide_no_other_name() -> None:
    dots = [Dot(1.0, 1.0, LOOK, "", name=f"name{number}") for number in range(5)]
    words = [mark.text for mark in scatter(dots, PLANE, "", "s").marks if mark.kind == "text"]
    assert sum(word.startswith("name") for word in words) == 1


def test_axes_tell_the_script_their_ends() -> None:
    drawing, across, _ = empty(Plane("x", "y", x_is_log=True), [1, 100], [0, 1], "", "s")
    low, high, is_log = map(float, drawing.data["x"].split(","))
    assert (low, high, is_log) == (across.low, across.high, 1.0)


def test_the_chosen_part_is_framed_and_ends_at_the_axes() -> None:
    dots = [Dot(x, x, Look("c0", "o"), "") for x in (0.0, 10.0)]
    drawing = scatter(dots, Plane("x", "y"), "", "c", part=((2.0, 5.0), (None, 99.0)))
    [frame] = [mark for mark in drawing.marks if mark.kind == "line" and mark.colour == "ink"]
    _, across, up = empty(Plane("x", "y"), [0.0, 10.0], [0.0, 10.0], "", "c")
    assert frame.points[0] == frame.points[-1] == (across.at(2.0), up.at(up.low))
    assert frame.points[2] == (across.at(5.0), up.at(up.high))
