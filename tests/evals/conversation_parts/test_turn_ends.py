"""Where a turn could end, and how forecasts of it are judged."""

from __future__ import annotations

import numpy as np
import pytest

from evals.conversation_parts.turn_ends import auc, average_precision, places
from harness.statistics.jackknife import jackknife

# By falling probability: it came, it didn't, it came, it didn't.
FORECASTS = [(0.9, True), (0.8, False), (0.7, True), (0.1, False)]


def test_a_turn_could_end_after_each_word_and_does_at_its_end() -> None:
    body = " Well,  I never\ndid."
    assert [body[:place] for place in places(body, 10, "")] == [" Well,", " Well,  I", " Well,  I never", body]
    assert places("Yes.", 10, "") == [4]


def test_of_many_places_fewer_are_some_and_the_end_is_always_among_them() -> None:
    body = " ".join(["word"] * 40)
    few, more, every = (places(body, most, "x") for most in (5, 12, 100))
    assert (len(few), len(more), len(every)) == (5, 12, 40)
    assert set(few) < set(more) < set(every)
    assert few == sorted(few)
    assert few[-1] == len(body)
    assert places(body, 5, "y") != few
    assert places(body, 1, "x") == [len(body)]


def test_the_areas_are_those_that_one_computes_by_hand() -> None:
    # Of the 4 pairs of one that came and one that didn't, 3 are in order.
    assert auc(FORECASTS) == 0.75
    # Precision at the first that came is 1, at the second 2/3.
    assert average_precision(FORECASTS) == pytest.approx((1 + 2 / 3) / 2)
    assert auc([(0.5, True), (0.5, False)]) == 0.5
    assert average_precision([(0.5, True), (0.5, False), (0.5, False)]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("statistic", [auc, average_precision])
@pytest.mark.parametrize("forecasts", [[], [(0.5, True)], [(0.5, False), (0.1, False)]])
def test_where_nothing_differs_there_is_no_area(statistic, forecasts) -> None:  # type: ignore[no-untyped-def]
    assert statistic(forecasts) is None


def test_an_area_has_an_interval_over_clusters() -> None:
    draws = np.random.default_rng(0)
    forecasts = [(float(p), bool(p > draws.random())) for p in draws.random(240)]
    area = jackknife(auc, forecasts, [place // 12 for place in range(240)], "")
    assert area.value is not None
    assert area.ci_low is not None
    assert area.ci_high is not None
    assert 0.5 < area.ci_low < area.value < area.ci_high
