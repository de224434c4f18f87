from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.common.sealed import Damaged
from harness.dashboard.lazy_tables import LazyTables, TableCache, rows_of
from harness.report.results import Tables


@pytest.fixture
def run(own_results: Path) -> Path:
    return own_results / "pair" / "gru-top_p-s1"


def test_an_evals_samples_are_those_that_the_report_reads(run: Path) -> None:
    whole, lazy = Tables(run).by_eval, LazyTables(run, (1,), ("perplexity", "arithmetic", "turn_taking")).by_eval
    assert set(lazy) == {"perplexity", "arithmetic", "turn_taking"} <= set(whole)
    for name in lazy:
        one, other = lazy[name], whole[name]
        assert (one.ids, one.clusters, one.strata) == (other.ids, other.clusters, other.strata)
        for column in other.values:
            np.testing.assert_array_equal(one.values[column], other.values[column])
        for total in other.totals:
            np.testing.assert_array_equal(one.totals[total], other.totals[total])


def test_parts_are_read_when_they_are_asked_for(run: Path) -> None:
    whole, lazy = Tables(run).by_eval["perplexity"], LazyTables(run, (1,), ("perplexity",)).by_eval["perplexity"]
    assert set(lazy.parts) == set(whole.parts)
    for name in whole.parts:
        one, other = lazy.part(name), whole.part(name)
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.totals["nats"], other.totals["nats"])
    assert lazy.part("position=none") is None


def test_what_was_read_is_held_up_to_a_number_of_rows(run: Path) -> None:
    cache = TableCache(most_rows=100)
    tables = LazyTables(run, (1,), ("perplexity", "arithmetic", "turn_taking"), cache)
    first = tables.by_eval["perplexity"]
    assert tables.by_eval["perplexity"] is first
    assert len(tables.by_eval["turn_taking"].ids) == 60
    assert len(tables.by_eval["arithmetic"].ids) == 30
    assert tables.by_eval["perplexity"] is not first  # 12 + 60 + 30 rows are too many


def test_an_eval_without_samples_is_none(run: Path) -> None:
    assert LazyTables(run, (1,), ()).by_eval.get("none") is None
    (run / "samples.parquet").unlink()
    assert rows_of(run, "perplexity").empty


def test_a_damaged_file_says_which(run: Path) -> None:
    (run / "samples.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(Damaged, match="cannot be read"):
        LazyTables(run, (1,), ("perplexity",)).by_eval["perplexity"]
