"""The program of model=unigram."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.cli.programs.comparing import check_program


@pytest.mark.parametrize("options", [{}, {"pseudo_count": 0.5}])
def test_the_program_expects_what_the_model_expects(options: dict[str, Any]) -> None:
    check_program("unigram", **options)
