"""The program of model=transformer, with all of its options."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.cli.programs.comparing import check_program


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"preset": "gpt2"},
        {"preset": "llama"},
        {"positions": "alibi", "num_heads": 3, "d_model": 18},
        {"positions": "none"},
        {"num_heads": 4, "num_kv_heads": 2, "query_key_norm": True},
        {"tie_embeddings": False, "biases": True, "norm_epsilon": 0.1},
        {"norm": "layer", "feed_forward": "swiglu", "rotary_base": 50.0},
        {"context_length": 64, "stride": None},
        {"stride": 8},
    ],
)
def test_the_program_expects_what_the_model_expects(options: dict[str, Any]) -> None:
    check_program("transformer", **options)
