from __future__ import annotations

import json

import numpy as np
import pandas as pd

from harness.dashboard.sample_rows import measures_in, one_sample, pair, sample_rows, slices_in, values_of
from harness.dashboard.site import Site


def rows(values: dict[str, object], part: str = "x") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "values": [json.dumps({"right": value}) for value in values.values()],
            "slices": [json.dumps({"part": part})] * len(values),
        },
        index=list(values),
    )


def test_samples_are_put_side_by_side_by_their_ids() -> None:
    both = pair(
        rows({"a": True, "b": False, "c": None}), rows({"c": True, "b": True, "a": True, "d": True}), "right", ""
    )
    assert both.ids == ("a", "b", "c")
    np.testing.assert_array_equal(both.a, [1, 0, np.nan])
    np.testing.assert_array_equal(both.b, [1, 1, 1])
    assert both.is_yes_or_no
    chosen = {kind: both.chosen(kind).tolist() for kind in ("both", "a", "b", "none", "")}
    assert chosen == {
        "both": [True, False, False],
        "a": [False, False, False],
        "b": [False, True, False],
        "none": [False, False, False],
        "": [True, True, True],
    }


def test_a_slice_and_a_rectangle() -> None:
    first = pd.concat([rows({"a": 1.5}), rows({"b": 2.5}, "y")])
    assert pair(first, first, "right", "part=y").ids == ("b",)
    both = pair(first, first, "right", "")
    assert not both.is_yes_or_no
    assert both.within([(2.0, None), (None, 3.0)]).tolist() == [False, True]
    assert slices_in(first) == ["part=x", "part=y"]
    assert measures_in(first) == ["right"]
    assert values_of(first, "none").tolist() != values_of(first, "right").tolist()


def test_samples_of_a_run(site: Site) -> None:
    entry = site.run("families/gru-greedy-s0")
    assert len(sample_rows(site, entry, "arithmetic")) == 30
    sample = one_sample(site, entry, "arithmetic", "p3")
    assert sample is not None
    assert sample["prompt"].startswith("Question")
    assert one_sample(site, entry, "arithmetic", "none") is None
    assert one_sample(site, site.run("families/rnn-top_p-s0"), "arithmetic", "p3") is None
