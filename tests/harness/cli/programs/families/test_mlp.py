"""The program of model=mlp."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.cli.programs.comparing import check_program


@pytest.mark.parametrize("options", [{}, {"direct": False}, {"direct": True}])
def test_the_program_expects_what_the_model_expects(options: dict[str, Any]) -> None:
    check_program("mlp", **options)
