"""The options of sft."""

from __future__ import annotations

import pytest

from harness.training.post.sft import SupervisedFineTuning


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"replay=1.0 is not allowed: it must be from 0"):
        SupervisedFineTuning(replay=1.0)
    with pytest.raises(ValueError, match=r"learning_rate_share=0 is not allowed: it must be above 0"):
        SupervisedFineTuning(learning_rate_share=0)
