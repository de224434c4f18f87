from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.dashboard.choices import Choices

CHOICES = Choices.of([("pin", "a"), ("pin", "b & c"), ("x", ""), ("q", "1e3"), ("pin", "a")])


def test_all_values_of_a_name_each_once() -> None:
    assert CHOICES.values("pin") == ("a", "b & c")
    assert CHOICES.value("pin") == "a"
    assert CHOICES.value("x", "default") == "default"


def test_the_address_can_be_read_again() -> None:
    from urllib.parse import parse_qsl, urlsplit

    parts = urlsplit(CHOICES.address("/compare"))
    assert (parts.path, Choices.of(parse_qsl(parts.query))) == ("/compare", CHOICES)
    assert Choices().address("/") == "/"


def test_changing_toggling_and_leaving_out() -> None:
    assert CHOICES.changed(q=None, page="2").pairs == (("pin", "a"), ("pin", "b & c"), ("pin", "a"), ("page", "2"))
    assert CHOICES.toggled("pin", "a").values("pin") == ("b & c",)
    assert CHOICES.toggled("pin", "d").values("pin") == ("a", "b & c", "d")
    assert CHOICES.without("pin").pairs == (("q", "1e3"),)
    assert CHOICES.only(["q"]).pairs == (("q", "1e3"),)


def test_numbers_and_allowed_words() -> None:
    assert CHOICES.number("q") == 1000.0
    assert CHOICES.number("pin") is None
    assert Choices.of([("n", "inf")]).number("n") is None
    assert Choices.of([("n", "nan")]).number("n") is None
    assert CHOICES.picked("q", ["1e3"], "x") == "1e3"
    assert CHOICES.picked("pin", ["x"], "x") == "x"


@pytest.mark.parametrize("pairs", [[("a", "b" * 2200)], [("a", "b")] * 501])
def test_an_address_has_an_end(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(UserError, match="500 parts"):
        Choices.of(pairs)
