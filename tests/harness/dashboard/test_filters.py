from __future__ import annotations

from pathlib import Path

import pytest

from harness.dashboard.choices import Choices
from harness.dashboard.filters import grouped, headline_of, kept, varying
from harness.runs.index import Entry, Index
from tests.harness.report.fake_results import copy_run


@pytest.fixture(scope="module")
def entries(results: Path) -> list[Entry]:
    index = Index(results)
    index.refresh(at_once=True)
    return [entry for entry in index.entries() if entry.experiment == "families"]


def ids(entries: list[Entry], *where: str, q: str = "") -> set[str]:
    return {entry.run_id for entry in kept(entries, Choices.of([*(("where", w) for w in where), ("q", q)]))}


def test_settings_in_which_runs_differ_are_found(entries: list[Entry]) -> None:
    keys = {setting.key: setting.values for setting in varying(entries)}
    assert keys["seed"] == ("0", "1", "2")
    assert keys["family"] == ("gru", "ngram", "rnn")
    assert "training.batch_tokens" not in keys  # the same everywhere
    assert not any(key.endswith(("fingerprint", "missed_by", "source_sha256")) for key in keys)


def test_filters_of_one_setting_widen_and_of_several_narrow(entries: list[Entry]) -> None:
    both = ids(entries, "family=gru", "family=rnn")
    assert both == ids(entries, "family=gru") | ids(entries, "family=rnn")
    assert ids(entries, "family=gru", "seed=1") == {"gru-greedy-s1", "gru-top_p-s1"}
    assert ids(entries, "model.d_model=384", "seed=1") == {
        "gru-greedy-s1",
        "gru-top_p-s1",
        "rnn-greedy-s1",
        "rnn-top_p-s1",
    }
    assert ids(entries, "no.such=1") == set()
    assert ids(entries, "status=failed") == {"rnn-top_p-s0"}


def test_search_looks_everywhere(entries: list[Entry]) -> None:
    assert ids(entries, q="NaN step") == {"rnn-top_p-s0"}
    assert ids(entries, q="gru s2") == {"gru-greedy-s2", "gru-top_p-s2"}


def test_groups_describe_their_runs(entries: list[Entry]) -> None:
    measures, groups = grouped(entries, "family")
    assert ("perplexity", "bits_per_byte") in measures
    by_value = {group.value: group for group in groups}
    assert (by_value["rnn"].num_runs, by_value["rnn"].num_failed) == (6, 1)
    values = [h.value for e in entries if e.family == "gru" and (h := headline_of(e, measures[0])) and h.value]
    shown = by_value["gru"].results[0]
    assert shown.endswith(", n 6")
    assert f"[{min(values):.3f}, {max(values):.3f}]" in shown


def test_runs_are_filtered_and_grouped_by_their_rewards(own_results: Path) -> None:
    for name in ("length", "right_answer"):
        post = {"name": "rloo", "rloo": {"rewards": {name: {}}}}
        copy_run(own_results / "pair" / "gru-greedy-s0", name, {"post": post})
    index = Index(own_results)
    index.refresh(at_once=True)
    keys = {setting.key: setting.values for setting in varying(index.entries())}
    assert keys["rewards"] == ("length", "right_answer")
    assert "ratings" not in keys
    assert ids(index.entries(), "rewards=length") == {"length"}
    _, groups = grouped(index.entries(), "rewards")
    assert {group.value: group.num_runs for group in groups} == {"length": 1, "right_answer": 1, "–": 8}


def test_a_value_is_text(entries: list[Entry]) -> None:
    assert next(e for e in entries if e.family == "gru").value("model.num_layers") == "1"
    assert entries[0].value("no.such") == ""
