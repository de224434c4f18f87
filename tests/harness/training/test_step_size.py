"""A training step that is too large for the budget or the memory is refused."""

from __future__ import annotations

import pytest
import torch

from harness.common import environment
from harness.common.errors import UserError
from harness.training.budget import Budget
from harness.training.settings import Training
from harness.training.step_size import check_memory, check_size, check_step, is_out_of_memory
from models.language_model import LanguageModel
from models.neural_model import NeuralModel
from models.settings.lstm import LSTMConfig
from models.settings.mixture import MixtureConfig
from models.settings.ngram import NGramConfig
from models.settings.transformer import TransformerConfig


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


CPU = torch.device("cpu")


def test_parameters_larger_than_the_memory_are_refused_with_both_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "memory_bytes", lambda: 2**20)
    # one layer of 4 gates: 4 * (d * d + d * d + d + d) and, tied, a matrix and a bias of the vocabulary of 256
    small, large = LSTMConfig(d_model=64), LSTMConfig(d_model=128)
    assert 8 * (8 * 64 * 64 + 8 * 64 + 256 * 64 + 256) < 2**20 < 8 * (8 * 128 * 128 + 8 * 128 + 256 * 128 + 256)
    check_size(small, None, 256, CPU)
    with pytest.raises(UserError, match=r"model=lstm, as it is set, needs at least 0\.0 GiB .* but cpu has 0\.0 GiB"):
        check_size(large, None, 256, CPU)
    check_size(large, 2**17, 256, CPU)  # its width is solved for
    with pytest.raises(UserError, match=r"budget\.num_params=131,073 for model=lstm needs at least"):
        check_size(large, 2**17 + 1, 256, CPU)
    check_size(NGramConfig(order=3), 2**40, 256, CPU)


@pytest.mark.parametrize("d_model", [10**6, 10**9, 10**12])
def test_a_width_beyond_any_memory_is_refused_though_torch_has_no_number_for_it(d_model: int) -> None:
    with pytest.raises(UserError, match=r"needs at least [\d,]{4,}\.\d GiB"):
        check_size(LSTMConfig(d_model=d_model), None, 256, CPU)


def test_tables_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "memory_bytes", lambda: 2**30)
    # of each place in the window, a cosine and a sine for each of 16 pairs of a head's 32 values: 128 bytes
    check_size(TransformerConfig(num_heads=4, context_length=2**22), None, 256, CPU)
    with pytest.raises(UserError, match=r"model=transformer, as it is set, needs at least 1\.0 GiB"):
        check_size(TransformerConfig(num_heads=4, context_length=2**23), None, 256, CPU)


def test_a_model_that_can_not_be_made_without_numbers_is_left_to_its_own_errors() -> None:
    class Peculiar(LSTMConfig):
        def build(self, vocab_size: int, start_token: int) -> LanguageModel:
            _ = torch.zeros(1).item()
            return super().build(vocab_size, start_token)

    check_size(Peculiar(d_model=8), None, 256, CPU)


def test_an_allocation_that_fails_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**48)
    assert is_out_of_memory(refused.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(RuntimeError) as misshapen:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(misshapen.value)
