"""What would change nothing is refused."""

from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.config.compose import compose
from harness.config.unused import refuse_unused
from harness.runs.sweep import sweep


def refuse(*overrides: str) -> None:
    refuse_unused(overrides, [compose(list(overrides))])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["rewards=[length]"],
            "rewards=[length] changes nothing: no stage of post= and no decoding strategy uses rewards",
        ),
        (["post=[sft]", "rewards.hands_back_in_time.weight=2"], "rewards.hands_back_in_time.weight=2 changes nothing"),
        (
            ["ratings=simulated", "post=[sft,rloo]", "rewards=[length]"],
            "ratings=simulated changes nothing: nothing learns",
        ),
        (
            ["preference=log_ratio", "post=[rloo]"],
            "preference=log_ratio changes nothing: nothing makes a preference model",
        ),
    ],
)
def test_what_no_stage_uses_is_refused_with_what_would(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        refuse(*overrides)
    assert said in str(caught.value)
    assert str(caught.value).endswith("; or leave it out.")


def test_what_some_part_uses_is_not_refused() -> None:
    refuse("post=[rloo]", "rewards=[length]")
    refuse("decoding=best_by_reward", "rewards=[length]")
    refuse("post=[rloo]", "rewards=[preference_model]", "ratings=simulated", "preference=log_ratio")
    refuse("post=[dpo]", "ratings=simulated", "post.dpo.pairs=rated")
    refuse("post=[sft]", "seed=1")


def test_in_a_sweep_one_run_that_uses_it_is_enough() -> None:
    assert len(sweep(["model=gru", "post=[],[rloo]", "rewards=[length]"]).jobs) == 2
    with pytest.raises(UserError, match=r"rewards=\[length\] changes nothing"):
        sweep(["post=[],[sft]", "rewards=[length]"])
