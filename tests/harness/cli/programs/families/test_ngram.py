"""The program of model=ngram, under any smoothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.cli.programs.comparing import check_program


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 1},
        {"order": 2},
        {"prune_threshold": 1e-2},
        {"smoothing": "katz"},
        {"smoothing": "jelinek_mercer"},
        {"smoothing": "witten_bell"},
        {"smoothing": "add_k"},
        {"smoothing": "stupid_backoff"},
        {"keep_counts": True},
    ],
)
def test_the_program_expects_what_the_model_expects(options: dict[str, Any]) -> None:
    check_program("ngram", **options)
