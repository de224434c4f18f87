"""Which families a stage can change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from harness.common.errors import UserError
from harness.training.post.families import counted_above, why_not_gradients, why_not_weighted
from models.settings.adapted import Adaptation, AdaptedConfig
from models.settings.gru import GRUConfig
from models.settings.ngram import NGramConfig
from tests.harness.training.post.made import wanted


@dataclass(frozen=True)
class Bought(GRUConfig):
    is_fitted: ClassVar[bool] = True


def test_families_that_count_take_weights_and_no_gradients() -> None:
    assert why_not_weighted(NGramConfig(), "sft") is None
    assert why_not_weighted(GRUConfig(), "sft") is None
    assert why_not_gradients(GRUConfig(), "rloo") is None
    said = str(why_not_gradients(NGramConfig(), "rloo"))
    assert "has no gradients, and rloo makes some replies less likely" in said
    assert "comes with its weights" in str(why_not_gradients(Bought(), "rloo"))


def test_what_no_stage_can_change_is_refused_at_once() -> None:
    words = r"post=\[sft\]: sft can't be done. model=mixture combines fits.*post=\[tilted,sft\], or leave sft out"
    with pytest.raises(UserError, match=words):
        wanted("model=mixture", "post=[sft]")


def test_a_correction_gives_gradients_to_what_has_none() -> None:
    for chain in ("[tilted,rloo]", "[sft,tilted,dpo]"):
        assert wanted("model=ngram", f"post={chain}", "rewards=[length]").post
    with pytest.raises(UserError, match=r"model=ngram has no gradients.*post=\[sft,tilted,dpo\]"):
        wanted("model=ngram", "post=[sft,dpo]", "rewards=[length]")
    assert wanted("model=mixture", "post=[tilted,sft]").post
    assert counted_above(GRUConfig(), Adaptation()) == GRUConfig()
    assert counted_above(NGramConfig(), Adaptation()) == AdaptedConfig(NGramConfig(), Adaptation())
