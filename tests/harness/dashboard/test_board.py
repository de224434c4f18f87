from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.dashboard.board import Asked, Board
from harness.report.comparison import ANY_DECODING, Comparison
from harness.report.results import load


@pytest.fixture(scope="module")
def comparison(results: Path) -> Comparison:
    [loaded] = load(results / "families")
    return Comparison(loaded)


def test_every_cell_is_the_reports(comparison: Comparison) -> None:
    board = Board.of(comparison)
    assert board.systems == comparison.systems
    assert [board.measures[index] for index in board.headlines] == list(comparison.headlines)
    for index, measure in enumerate(board.measures):
        for decoding in board.decodings_of(index):
            for system in board.systems:
                assert board.cells.get((system, decoding, index)) == comparison.cell(system, decoding, measure)


def test_it_can_be_kept(comparison: Comparison) -> None:
    board = Board.of(comparison, [("x/y", "damaged")])
    again = Board.from_plain(json.loads(json.dumps(board.plain())))
    assert again == board


def test_lines_and_places(comparison: Comparison) -> None:
    board = Board.of(comparison)
    assert board.ladder is not None
    assert board.measures[board.ladder].name == "perplexity.bits_per_byte"
    assert board.decodings_of(board.ladder) == (ANY_DECODING,)
    assert board.decoding_for(board.ladder, "greedy") == ANY_DECODING
    match = board.index_of("arithmetic", "exact_match")
    assert match is not None
    assert board.decoding_for(match, "top_p") == "top_p"
    assert board.decoding_for(match, "no") == comparison.best_decoding(board.measures[match])
    line = board.line("rnn", "top_p")
    assert (line.num_seeds, line.num_failed, len(line.runs)) == (2, 1, 3)
    assert board.line("rnn", "other").system == "rnn"
    assert board.index_of("no", "such") is None


def test_what_was_asked_differently_is_named() -> None:
    one = Asked(("a" * 64,), (1,), ("s" * 64,))
    assert one.unlike(one) == ""
    text = one.unlike(Asked(("b" * 64,), (2,), ("s" * 64,)))
    assert "fingerprint aaaaaaaaaaaa against bbbbbbbbbbbb" in text
    assert "version 1 against 2" in text
    assert "samples" not in text
