"""Which families a stage can change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from harness.common.errors import UserError
from harness.training.post.families import why_not_gradients, why_not_weighted
from models.settings.gru import GRUConfig
from models.settings.ngram import NGramConfig
from tests.harness.training.post.made import wanted


@dataclass(frozen=True)
class Bought(GRUConfig):
    is_fitted: ClassVar[bool] = True


def test_families_that_count_take_weights_and_no_gradients() -> None:
    assert why_not_weighted(NGramConfig()) is None
    assert why_not_weighted(GRUConfig()) is None
    assert why_not_gradients(GRUConfig(), "rloo") is None
    said = str(why_not_gradients(NGramConfig(), "rloo"))
    assert "learns by counting, and rloo makes some replies less likely" in said
    assert "comes with its weights" in str(why_not_gradients(Bought(), "rloo"))


def test_what_no_stage_can_change_is_refused_at_once() -> None:
    words = r"post=\[sft\]: sft can't be done. model=mixture combines fits.*or leave sft out"
    with pytest.raises(UserError, match=words):
        wanted("model=mixture", "post=[sft]")
