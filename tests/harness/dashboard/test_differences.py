from __future__ import annotations

import json

import pytest

from harness.dashboard.board import Asked
from harness.dashboard.choices import Choices
from harness.dashboard.differences import Differences
from harness.dashboard.scope import frame_of, rows_of_frame
from harness.dashboard.site import Site


@pytest.fixture(scope="module")
def parts(site: Site) -> tuple[object, object]:
    scope = site.scope(Choices())
    return site.board(scope, Choices()), site.pairs(scope, Choices())


def test_a_difference_is_turned_to_be_the_systems_minus_the_baselines(parts) -> None:  # type: ignore[no-untyped-def]
    board, pairs = parts
    there, back = Differences(board, pairs, "ngram"), Differences(board, pairs, "gru")
    for index in board.headlines:
        for decoding in board.decodings_of(index):
            one, other = there.of(index, decoding, "gru"), back.of(index, decoding, "ngram")
            if one is None or other is None or one.value is None:
                continue
            assert one.value == -(other.value or 0.0)
            assert one.p == other.p
            if one.ends is not None and other.ends is not None:
                assert one.ends == (-other.ends[1], -other.ends[0])
                assert one.ends[0] <= one.value <= one.ends[1]
            values = [board.cells[name, decoding, index].estimate.value for name in ("gru", "ngram")]
            assert one.value == pytest.approx(values[0] - values[1])
            if one.better is not None:
                assert one.verdict == ("better" if one.better == "gru" else "worse")


def test_the_surest_come_first(parts) -> None:  # type: ignore[no-untyped-def]
    board, pairs = parts
    p_values = [difference.p for difference in Differences(board, pairs, "gru").surest_first(["ngram", "rnn"])]
    assert p_values == sorted(p_values, key=lambda p: 2.0 if p is None else p)


def test_what_was_not_asked_the_same_is_refused_and_named(parts) -> None:  # type: ignore[no-untyped-def]
    board, pairs = parts
    asked = dict(board.asked)
    key = ("gru", "any", board.ladder)
    asked[key] = Asked(asked[key].data, (7,), asked[key].samples)
    from dataclasses import replace

    difference = Differences(replace(board, asked=asked), pairs, "ngram").of(board.ladder, "any", "gru")
    assert difference is not None
    assert difference.value is None
    assert difference.verdict == "not comparable"
    assert "version 7 against 1" in difference.why_not
    assert Differences(board, pairs, "ngram").of(board.ladder, "any", "none") is None


def test_nobody_is_called_better_or_worse_where_the_report_does_not(parts) -> None:  # type: ignore[no-untyped-def]
    board, pairs = parts
    kept = frame_of(json.loads(json.dumps(rows_of_frame(pairs))))
    undecided = kept[kept["better"].isna() & kept["difference"].notna()]
    assert len(undecided) > 3
    for pair in undecided.to_dict("records"):
        index = board.index_of(pair["eval"], pair["metric"])
        if index in board.headlines:
            difference = Differences(board, kept, pair["model_b"]).of(index, pair["decoding"], pair["model_a"])
            assert difference.verdict not in ("better", "worse")
            assert "nan" not in difference.verdict
