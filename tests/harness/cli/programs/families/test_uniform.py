"""The program of model=uniform."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.cli.programs.comparing import check_program


@pytest.mark.parametrize("options", [{}])
def test_the_program_expects_what_the_model_expects(options: dict[str, Any]) -> None:
    check_program("uniform", **options)
