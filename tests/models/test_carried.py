"""A family with a carried state needs no torch layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.carried import Carry
from models.checking.contract import FAMILY_CHECKS, FIT_CHECKS
from models.checking.trial import MARKOV, Subject, fit, random_tokens
from tests.models.diagonal import Diagonal, DiagonalConfig


@pytest.mark.parametrize("check", [*FIT_CHECKS, *FAMILY_CHECKS], ids=lambda check: check.__name__)
def test_a_state_space_model_keeps_the_promise_that(check: Callable[[Subject], None]) -> None:
    check(Subject(DiagonalConfig(dropout=0.3), MARKOV))


@pytest.fixture
def model() -> Diagonal:
    fitted = fit(DiagonalConfig(), MARKOV)
    assert isinstance(fitted, Diagonal)
    return fitted


@pytest.fixture
def stretches(model: Diagonal, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(rows, tokens) of each stretch that the model runs."""
    shapes: list[tuple[int, int]] = []
    run = model.run

    def listening(tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        shapes.append((tokens.shape[0], tokens.shape[1]))
        return run(tokens, carry, training)

    monkeypatch.setattr(model, "run", listening)
    return shapes


def test_a_row_that_has_ended_is_not_run_any_further(model: Diagonal, stretches: list[tuple[int, int]]) -> None:
    start = model.start(3)
    stretches.clear()
    model.read(start, random_tokens(MARKOV.size, 3, 6), torch.tensor([6, 2, 4]))
    assert stretches == [(3, 2), (2, 2), (1, 2)]


def test_a_long_text_is_cut_to_spare_memory_and_reads_the_same(
    model: Diagonal, stretches: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, lengths = random_tokens(MARKOV.size, 4, 30), torch.tensor([30, 4, 17, 0])
    whole, state = model.read(model.start(4), tokens, lengths)
    monkeypatch.setattr("models.carried._MAX_HIDDEN_VALUES", 4 * model.hidden_width * 3)
    stretches.clear()
    cut, cut_state = model.read(model.start(4), tokens, lengths)
    assert max(num_tokens for _, num_tokens in stretches) == 3
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(cut_state.logprobs, state.logprobs, atol=1e-5, rtol=0)
