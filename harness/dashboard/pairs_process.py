"""A process that computes the tests of a scope and keeps them.

python -m harness.dashboard.pairs_process RESULTS KEY EXPERIMENT...
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from harness.common.errors import UserError
from harness.dashboard.scope import CHANGES, PAIRS, Numbers, rows_of_frame
from harness.report.changes import changes
from harness.report.pairs import compare_pairs
from harness.runs.index import Index


def keep_pairs(results: Path, key: str, experiments: list[str]) -> None:
    """Compute the tests of these experiments and keep them under a key."""
    index = Index(results)
    index.refresh(at_once=True)
    numbers = Numbers(index)
    scope = numbers.scope(experiments)
    while True:
        comparison, _ = numbers.comparison(scope)
        try:
            pairs = compare_pairs(comparison)
        except UserError as error:
            numbers.leave_out(scope, error)
        else:
            break
    # under the key that was asked for: where runs have changed since, nobody asks for it again
    numbers.kept.put(CHANGES, key, rows_of_frame(changes(comparison)))
    numbers.kept.put(PAIRS, key, rows_of_frame(pairs))


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    keep_pairs(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
