from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from harness.dashboard.charts.drawing import Drawing, key
from harness.report.palette import MARKERS, PALETTE
from tests.harness.report.fake_results import HOSTILE


@pytest.fixture
def drawing() -> Drawing:
    made = Drawing(200, 100, f"about {HOSTILE}", frame=(0, 200, 100, 0), data={"x": '0,1,"0'})
    made.line([(0, 0), (10, 10)], "c0", "dashed", HOSTILE)
    made.area([(0, 0), (10, 10), (20, 0)], "c1")
    for index, marker in enumerate([*MARKERS, "|"]):
        made.dot((10 * index, 50), f"c{index % len(PALETTE)}", marker, "", HOSTILE, "/samples?a=b&c=d")
    made.words((5, 5), HOSTILE, "middle")
    made.rect((1, 1), (5, 5), "c2", "", "x")
    return made


def test_it_is_xml_and_nothing_in_it_acts(drawing: Drawing) -> None:
    for text in (str(drawing.inside()), drawing.svg(HOSTILE).decode()):
        root = ElementTree.fromstring(text.replace(' class="chart"', "", 1))
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "path", "circle", "rect", "text", "title", "a", "desc", "style"}
        assert "\u202e" not in text
        assert "\x1b" not in text
    assert "style=" not in str(drawing.inside())
    assert "<style" not in str(drawing.inside())


def test_a_picture_is_sharp_and_says_what_it_is_of(drawing: Drawing) -> None:
    picture = Image.open(io.BytesIO(drawing.png("/compare?base=a")))
    assert picture.size == (400, 200)
    assert picture.info["Description"] == "/compare?base=a"


@pytest.mark.parametrize("marker", MARKERS)
def test_every_marker_can_stand_before_a_name(marker: str) -> None:
    ElementTree.fromstring(str(key("c0", marker)))
