from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.dashboard.choices import Choices
from harness.dashboard.site import Site


def test_the_latest_experiment_is_shown_unless_one_is_chosen(site: Site) -> None:
    assert site.scope(Choices()).experiments == ("families",)  # three seeds, the last of which finished last
    assert site.scope(Choices.of([("experiment", "pair"), ("experiment", "single")])).experiments == ("pair", "single")


def test_an_experiment_or_run_that_is_gone_is_said(site: Site) -> None:
    with pytest.raises(UserError, match="Did you mean 'pair'"):
        site.scope(Choices.of([("experiment", "pairs")]))
    with pytest.raises(UserError, match="may have been removed"):
        site.run("pair/none")


def test_one_look_a_family_over_all_experiments(site: Site) -> None:
    assert set(site.looks()) == {"unigram", "bigram", "ngram", "rnn", "gru", "lstm"}


def test_nothing_is_swept_here(site: Site) -> None:
    assert site.swept(site.scope(Choices())) == {}


def test_no_board_while_records_are_read(site: Site) -> None:
    site.index.num_unread = 3
    try:
        assert site.board(site.scope(Choices()), Choices()) is None
        assert site.board(site.scope(Choices()), Choices.of([("file", "x.csv")])) is not None
    finally:
        site.index.num_unread = 0


def test_tests_are_found(site: Site) -> None:
    pairs = site.pairs(site.scope(Choices()), Choices())
    assert pairs is not None
    assert len(pairs)
