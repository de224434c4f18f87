from __future__ import annotations

from harness.dashboard.charts.parallel import Strand, parallel
from harness.dashboard.looks import Look

LOOK = Look("c0", "o")


def test_numbers_and_words_have_axes_and_what_is_missing_is_left_out() -> None:
    strands = [Strand("a", LOOK, (1.0, "adam", None)), Strand("b", LOOK, (1000.0, "sgd", 2.0))]
    drawing = parallel(["rate", "optimizer", "value"], strands, "about")
    dots = [mark for mark in drawing.marks if mark.kind == "dot"]
    assert len(dots) == 5
    assert {"adam", "sgd", "rate"} <= {mark.text for mark in drawing.marks if mark.kind == "text"}
    assert any(mark.text == "a: rate 1, optimizer adam" for mark in dots)


def test_nothing_to_draw_is_drawn() -> None:
    parallel(["one"], [Strand("a", LOOK, (None,))], "about")
    parallel(["one"], [], "about")
