"""A training step that is too large for the budget or the memory is refused."""

from __future__ import annotations

import pytest

from harness.common import environment
from harness.common.errors import UserError
from harness.training.budget import Budget
from harness.training.settings import Training
from harness.training.step_size import check_memory, check_step
from models.neural_model import NeuralModel
from models.settings.lstm import LSTMConfig
from models.settings.mixture import MixtureConfig
from models.settings.ngram import NGramConfig


def test_a_step_larger_than_the_budget_is_refused_with_both_figures() -> None:
    wide, budget = Training(batch_tokens=1_000_000_000), Budget(tokens=20_000)
    mixture = MixtureConfig(members={"first": NGramConfig(order=3), "second": LSTMConfig()})
    for config in (LSTMConfig(), mixture):
        with pytest.raises(
            UserError, match=r"batch_tokens=1,000,000,000 is more than budget.tokens=20,000.*model=lstm"
        ):
            check_step(config, wide, budget)
    check_step(NGramConfig(order=3), wide, budget)
    check_step(LSTMConfig(), wide, Budget(seconds=1))
    check_step(LSTMConfig(), Training(batch_tokens=20_000), budget)


def test_a_step_larger_than_the_memory_is_refused_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LSTMConfig(d_model=8, training_length=64).build(256, 0)
    assert isinstance(model, NeuralModel)
    monkeypatch.setattr(environment, "memory_bytes", lambda: 2**30)
    # scores and gradients of 4 bytes each: 2 * 4 * 256 * 524,288 = 2 ** 30
    check_memory(model, Training(batch_tokens=524_288))
    with pytest.raises(UserError, match=r"batch_tokens=1,048,576 needs at least 2\.0 GiB .* but cpu has 1\.0 GiB"):
        check_memory(model, Training(batch_tokens=1_048_576))
