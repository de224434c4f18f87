from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.dashboard.choices import Choices
from harness.dashboard.fitted import chosen_run, fitted, listed, named
from harness.dashboard.site import Site


def test_each_model_and_seed_once(site: Site) -> None:
    entries = fitted(site, Choices.of([("experiment", "families")]))
    keys = [(entry.model, entry.seed) for entry in entries]
    assert len(keys) == len(set(keys)) > 3
    assert {entry.experiment for entry in entries} == {"families"}
    assert all(entry.has_record and entry.status != "failed" for entry in entries)
    assert len({entry.experiment for entry in fitted(site, Choices())}) > 1


def test_a_run_that_was_chosen_is_listed_too(site: Site) -> None:
    entries = fitted(site, Choices.of([("experiment", "pair")]))
    other = site.run("families/gru-greedy-s0")
    names = dict(listed(entries, other, None))
    assert names[other.id] == f"families: {named(other)}"
    assert dict(listed(entries))[entries[0].id] == named(entries[0])


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
