from __future__ import annotations

import pytest

from harness.dashboard.board import Asked
from harness.dashboard.choices import Choices
from harness.dashboard.differences import Differences
from harness.dashboard.site import Site


@pytest.fixture(scope="module")
def parts(site: Site) -> tuple[object, object]:
    scope = site.scope(Choices())
    return site.board(scope, Choices()), site.pairs(scope, Choices())


def test_a_difference_is_turned_to_be_the_systems_minus_the_baselines(parts) -> None:  # type: ignore[no-untyped-def]
    board, pairs = parts
    there, back = Differences(board, pairs, "ngram"), Differences(board, pairs, "gru")
    for place in board.headlines:
        for decoding in board.decodings_of(place):
            one, other = there.of(place, decoding, "gru"), back.of(place, decoding, "ngram")
            if one is None or other is None or one.value is None:
                continue
            assert one.value == -(other.value or 0.0)
            assert one.p == other.p
            if one.ends is not None and other.ends is not None:
                assert one.ends == (-other.ends[1], -other.ends[0])
                assert one.ends[0] <= one.value <= one.ends[1]
            values = [board.cells[name, decoding, place].estimate.value for name in ("gru", "ngram")]
            assert one.value == pytest.approx(values[0] - values[1])
            if one.better is not None:
                assert one.verdict == ("better" if one.better == "gru" else "worse")


def test_the_surest_come_first(parts) -> None:  # type: ignore[no-untyped-def]
    board, pairs = parts
    found = [difference.p for difference in Differences(board, pairs, "gru").every(["ngram", "rnn"])]
    assert found == sorted(found, key=lambda p: 2.0 if p is None else p)


def test_what_was_not_asked_the_same_is_refused_and_named(parts) -> None:  # type: ignore[no-untyped-def]
    board, pairs = parts
    asked = dict(board.asked)
    key = ("gru", "any", board.ladder)
    asked[key] = Asked(asked[key].data, (7,), asked[key].samples)
    from dataclasses import replace

    found = Differences(replace(board, asked=asked), pairs, "ngram").of(board.ladder, "any", "gru")
    assert found is not None
    assert found.value is None
    assert found.verdict == "not comparable"
    assert "version 7 against 1" in found.why_not
    assert Differences(board, pairs, "ngram").of(board.ladder, "any", "none") is None
