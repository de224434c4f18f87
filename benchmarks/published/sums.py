"""Lee et al. 2023: a small transformer learns to add from fewer examples if answers have their units first."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.published.row import Row
from harness.runs import make_run

LEE = "Lee et al. 2023, arXiv 2307.03381, section 4"
EXAMPLES, NUM_TOKENS, NUM_PROBLEMS = 10_000, 2_000_000, 500


def orders(_data: Path) -> list[Row]:
    """Which order of the digits has more right answers."""
    shares = {name: _share_right(is_reversed) for name, is_reversed in (("plain", False), ("reversed", True))}
    better, worse = sorted(shares, key=shares.__getitem__, reverse=True)
    protocol = (
        f"{EXAMPLES:,} sums of up to 3 digits, {NUM_TOKENS / 1e6:g} M characters, {NUM_PROBLEMS} held-out problems, "
        f"greedy, 1 seed: plain {shares['plain']:.1%} right, reversed {shares['reversed']:.1%}"
    )
    what = "the order of digits in which more sums are right"
    return [Row(what, "reversed > plain", f"{better} > {worse}", 1, 0, protocol, LEE)]


def _share_right(is_reversed: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        record = make_run(
            "experiment=addition",
            "tracking=none",
            f"results_dir={folder}",
            f"data.train_documents={EXAMPLES}",
            f"data.reversed_answers={str(is_reversed).lower()}",
            f"budget.tokens={NUM_TOKENS}",
            f"evals.arithmetic.num_samples={NUM_PROBLEMS}",
        )
    [accuracy] = [metric.value for metric in record.metrics if metric.metric == "exact_match" and metric.slice == "all"]
    assert accuracy is not None, record.error
    return accuracy
