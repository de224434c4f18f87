from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.completion.decoding.constraints import Constrained
from harness.runs.engines import strategy_named


@pytest.mark.parametrize(
    "asked",
    [
        'constrained decoding.transforms.constrained.pattern=" [a-z]+"',
        "constrained 'decoding.transforms.constrained.pattern=\" [a-z]+\"'",
    ],
)
def test_a_blank_within_quotes_does_not_part_a_strategy_s_values(asked: str) -> None:
    transform = strategy_named(asked).transforms["constrained"]
    assert isinstance(transform, Constrained)
    assert transform.pattern == " [a-z]+"


@pytest.mark.parametrize("asked", ["", "seed=1", "top_p seed=1", "decoding.transforms.top_p.p=0.8"])
def test_a_text_that_names_no_strategy_is_refused(asked: str) -> None:
    with pytest.raises(UserError, match=r"names no strategy|not an option"):
        strategy_named(asked)
