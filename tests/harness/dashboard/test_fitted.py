from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.dashboard.choices import Choices
from harness.dashboard.fitted import chosen_run, fitted, listed
from harness.dashboard.site import Site
from harness.report.results import load
from tests.harness.report.fake_results import copy_run
from tests.harness.report.records import edit


@pytest.fixture
def tuned(own_results: Path) -> Iterator[Site]:
    """An experiment with a run of a GRU and of three post-trained ones: two that differ in the reward, and one with
    the settings of the first that is another fit."""
    for name, reward in (("timely", "hands_back_in_time"), ("long", "length"), ("timely2", "hands_back_in_time")):
        post = {"name": "rloo", "rloo": {"rewards": {reward: {"weight": 1.0}}}}
        copy_run(own_results / "pair" / "gru-greedy-s0", name, {"post": post})
    copy_run(own_results / "pair" / "gru-greedy-s0", "timely-again", {"post": {"name": "rloo"}, "fit_id": "timely"})
    edit(own_results / "pair" / "timely-again", lambda record: record.update(finished_at="2025-11-21"))
    site = Site(own_results)
    site.index.refresh(at_once=True)
    yield site
    site.close()


def test_each_fit_once(site: Site, tuned: Site) -> None:
    entries = fitted(site, Choices.of([("experiment", "families")]))
    fits = [entry.fit_id for entry in entries]
    assert len(fits) == len(set(fits)) > 3
    assert {entry.experiment for entry in entries} == {"families"}
    assert all(entry.has_record and entry.status != "failed" for entry in entries)
    assert len({entry.experiment for entry in fitted(site, Choices())}) > 1
    of_tuned = {entry.run_id for entry in fitted(tuned, Choices()) if entry.family == "gru" and entry.seed == 0}
    assert {"timely", "long", "timely2"} < of_tuned
    assert "timely-again" not in of_tuned  # an earlier run of the fit
    assert len(of_tuned) == 4


def test_names_are_the_reports_and_tell_fits_apart(tuned: Site) -> None:
    entries = fitted(tuned, Choices())
    names = listed(tuned, entries, [])
    [results] = load(tuned.index.results / "pair")
    systems = {run.record.run_id: run.system for run in results.runs}
    long = systems["long"]
    assert "post=rloo" in long or "rewards" in long
    assert names["pair/long"] == f"{long}, seed 0"
    assert names["pair/timely"] == f"{systems['timely2']}, seed 0, timely"
    assert names["pair/timely2"] == f"{systems['timely2']}, seed 0, timely2"
    assert len(set(names.values())) == len(names) == len({entry.fit_id for entry in entries})
    assert list(names.values()) == sorted(names.values())


def test_a_run_that_was_chosen_stands_for_its_fit(site: Site) -> None:
    entries = fitted(site, Choices.of([("experiment", "pair")]))
    in_pair = next(entry for entry in entries if entry.fit_id == "f-gru-0")
    other = site.run("families/gru-greedy-s0")
    names = listed(site, entries, [other])
    assert names[other.id] == "families: gru, seed 0"
    assert in_pair.id not in names
    assert listed(site, entries, [])[in_pair.id] == "gru, seed 0"
    two = listed(site, entries, [site.run("families/gru-greedy-s0"), site.run("families/gru-top_p-s0")])
    assert two["families/gru-top_p-s0"] == "families: gru, seed 0, gru-top_p-s0"


def test_b_is_none_until_it_is_chosen(site: Site) -> None:
    entries = fitted(site, Choices())
    assert chosen_run(site, Choices(), "a", entries) == entries[0]
    assert chosen_run(site, Choices(), "b", entries) is None
    failed = next(entry for entry in site.index.entries() if entry.status == "failed")
    with pytest.raises(UserError, match="has no fit"):
        chosen_run(site, Choices.of([("b", failed.id)]), "b", entries)
    with pytest.raises(UserError, match="there is no run"):
        chosen_run(site, Choices.of([("a", "gone/run")]), "a", entries)


def test_without_a_fit_it_says_so(site: Site) -> None:
    with pytest.raises(UserError, match="has a fit yet"):
        fitted(site, Choices.of([("experiment", "none")]))
