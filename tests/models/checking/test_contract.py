"""The checks of models/checking/contract.py find the mistakes that they are meant for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from models.checking import contract
from models.checking.trial import MARKOV, Subject
from models.language_model import Cost, CountingModel, ModelConfig, OnStep, State, ignore


@dataclass(frozen=True)
class ChangeConfig(ModelConfig):
    """A model that doesn't expect the last token again; `mistake` says what is wrong with it."""

    family: ClassVar[str] = "change"

    mistake: str = ""

    def build(self, vocab_size: int, start_token: int) -> Change:
        return Change(self, vocab_size, start_token)


class ChangeState(State):
    def __init__(self, model: Change, last: Tensor) -> None:
        self.model, self.last = model, last
        self.logprobs = model.after(last)

    def select(self, rows: Tensor | Sequence[int]) -> ChangeState:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return ChangeState(self.model, self.last[index.flip(0) if self.model.mistake == "reversed" else index])


class Change(CountingModel):
    def __init__(self, config: ChangeConfig, vocab_size: int, start_token: int) -> None:
        self.config, self.vocab_size, self.start_token = config, vocab_size, start_token
        self.mistake = config.mistake
        self.share = torch.tensor([-0.5])

    @property
    def context_length(self) -> int:
        return 0 if self.mistake == "understates its context by one" else 1

    def count(self, tokens: Tensor) -> None:
        if self.mistake == "counts its calls":
            self.share = self.share * 0.9

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        """Nothing is left to do."""

    def after(self, last: Tensor) -> Tensor:
        """(...) to (..., V)."""
        logits = torch.zeros(*last.shape, self.vocab_size)
        if self.mistake == "is sure of what is wrong":
            return torch.log_softmax(logits.scatter(-1, (last[..., None] + 1) % self.vocab_size, -50.0), dim=-1)
        logits = logits.scatter(-1, last[..., None], self.share.item())
        return logits if self.mistake == "unnormalised" else torch.log_softmax(logits, dim=-1)

    def start(self, num_rows: int = 1) -> ChangeState:
        return ChangeState(self, torch.full((num_rows,), self.start_token))

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, ChangeState)
        if self.mistake == "draws":
            torch.rand(1)
        after = self.after(tokens)
        if self.mistake == "peeks" and tokens.shape[1] > 1:
            after = self.after(torch.cat([tokens[:, 1:], tokens[:, -1:]], dim=1))
        if self.mistake == "mixes rows" and len(tokens) > 1:
            after = after.mean(dim=0, keepdim=True).expand_as(after)
        if lengths is None or self.mistake == "ignores lengths":
            lengths = torch.full((len(tokens),), tokens.shape[1])
        last = torch.cat([state.last[:, None], tokens], dim=1).gather(1, lengths[:, None])[:, 0]
        if self.mistake == "changes its state":
            state.last, state.logprobs = last, self.after(last)
        return after, ChangeState(self, last)

    def cost(self) -> Cost:
        num_params = 7 if self.mistake == "miscounts" else 1
        return Cost(num_params, 4 if self.mistake != "miscounts" else 9000, 0, 4 * self.vocab_size)

    def tensors(self) -> dict[str, Tensor]:
        return {"share": self.share}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        self.share = tensors["share"] + (1.0 if self.mistake == "forgets" else 0.0)


MISTAKES: dict[str, Callable[[Subject], None]] = {
    "unnormalised": contract.probabilities_sum_to_one,
    "peeks": contract.a_later_token_never_changes_an_earlier_distribution,
    "mixes rows": contract.a_batch_row_equals_the_row_alone,
    "ignores lengths": contract.ragged_rows_equal_each_row_alone,
    "changes its state": contract.a_fork_leaves_its_parent_as_it_was,
    "reversed": contract.select_repeats_drops_and_reorders_rows,
    "forgets": contract.save_and_load_give_the_same_bits,
    "understates its context by one": contract.a_prompt_several_times_longer_than_the_context_works,
    "miscounts": contract.the_cost_is_that_of_what_is_saved,
    "draws": contract.reading_leaves_the_random_state_alone,
    "counts its calls": contract.counting_in_several_calls_equals_one_call,
    "is sure of what is wrong": contract.a_fit_is_no_worse_than_knowing_nothing,
}


def test_a_model_without_mistakes_passes_every_check() -> None:
    for check in (*contract.FIT_CHECKS, *contract.FAMILY_CHECKS, *contract.LONG_CHECKS):
        check(Subject(ChangeConfig(), MARKOV))


def test_every_check_says_what_it_expects_and_the_usual_cause() -> None:
    for check in (*contract.FIT_CHECKS, *contract.FAMILY_CHECKS, *contract.LONG_CHECKS):
        assert check.__doc__, check.__name__


def test_what_differs_is_counted_and_measured() -> None:
    ones = torch.ones(2, 3)
    contract.close(ones + 1e-6, ones)
    with pytest.raises(AssertionError) as apart:
        contract.close(ones + torch.tensor([0.0, 0.0, 0.25]), ones)
    assert str(apart.value) == "2 of 6 values differ, by up to 0.25 (1e-05 is allowed)."
    with pytest.raises(AssertionError, match=r"1 of 2 values differ, by up to inf \(none is allowed\)"):
        contract.same(torch.tensor([torch.nan, torch.nan]), torch.tensor([torch.nan, 0.0]))
    with pytest.raises(AssertionError, match=r"The shape is \(2, 3\), and must be \(3,\)"):
        contract.same(ones, ones[0, :])
    with pytest.raises(AssertionError, match=r"The dtype is torch\.float64, and must be torch\.float32"):
        contract.close(ones.double(), ones)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_found_by_the_check_meant_for_it(mistake: str) -> None:
    with pytest.raises(AssertionError):
        MISTAKES[mistake](Subject(ChangeConfig(mistake), MARKOV))
