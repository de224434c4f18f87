"""What a fit spent, its validation, and the rows of its curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.plugin_kit.chain import TableModel
from harness.training.curve import Validation, curve_row, notes_on_end
from harness.training.spent import Spent
from models.checks import Impossible


def test_bits_per_byte_are_the_tokens_bits_over_the_bytes() -> None:
    # After token 0: 1/2, 1/4, 1/4; after any other: 0 for sure.
    table = torch.tensor([[0.5, 0.25, 0.25], [1, 0, 0], [1, 0, 0]]).log()
    validation = Validation([np.array([1, 0, 2]), np.array([0, 0])], num_bytes=10)
    # 2 + 0 + 2 bits, and 1 + 1 bits
    assert validation.bits_per_byte(TableModel(table, 0)) == pytest.approx(6 / 10)


def test_a_text_of_no_probability_has_no_bits() -> None:
    table = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).log()
    assert math.isnan(Validation([np.array([0])], 1).bits_per_byte(TableModel(table, 0)))


def test_a_fit_worse_than_a_uniform_model_or_without_a_number_gets_a_note() -> None:
    # three tokens, so a uniform model's share is 1/3; the table gives each of the text's tokens 1/4
    model = TableModel(torch.tensor([[0.5, 0.25, 0.25]] * 3).log(), 0)
    validation = Validation([np.array([1, 2])], num_bytes=2)
    assert validation.uniform_bits_per_byte(3) == pytest.approx(math.log2(3))
    ends = {
        bits: notes_on_end(model, validation, [{"validation_bits_per_byte": bits}]) for bits in (1.58, 2.0, math.nan)
    }
    assert ends[1.58] == []
    assert "costs 2 bits a byte, more than the 1.585 of a uniform model" in ends[2.0][0]
    assert "no finite probability" in notes_on_end(model, validation, [{"validation_bits_per_byte": math.nan}])[0]


def test_scores_that_are_no_probabilities_are_refused() -> None:
    validation = Validation([np.array([1, 2, 1])], 3)
    model = TableModel(torch.randn(3, 3), 0)
    validation.check_distributions(model)
    model.table[1] += 1.0  # as where a family forgets to normalise
    with pytest.raises(Impossible, match=r"after 1 tokens of validation text they sum to 2\.718, not to 1"):
        validation.check_distributions(model)
    model.table[1] = math.nan  # a fit that diverged has a note of its own
    validation.check_distributions(model)


def test_documents_are_given_as_the_tensors_that_they_are() -> None:
    documents = Validation([np.array([1, 2]), np.array([], dtype=np.int64)], 2).as_tensors()
    assert [document.tolist() for document in documents] == [[1, 2], []]


def test_a_row_of_the_curve_has_every_column_and_nan_where_nothing_was_measured() -> None:
    row = curve_row(Spent(tokens=600, seconds=2.0, flops=1e6, steps=3), train_loss_nats=1.5)
    assert {key: value for key, value in row.items() if value == value} == {
        "step": 3,
        "tokens": 600,
        "flops": 1e6,
        "seconds": 2.0,
        "tokens_per_second": 300.0,
        "train_loss_nats": 1.5,
    }
    assert {key for key, value in row.items() if value != value} == {"validation_bits_per_byte", "learning_rate"}
    assert math.isnan(curve_row(Spent())["tokens_per_second"])


def test_the_costs_of_several_fits_are_added_up() -> None:
    costs = [Spent(1, 0.5, 10.0, 2), Spent(2, 0.25, 20.0, 3)]
    assert sum(costs, Spent()) == Spent(3, 0.75, 30.0, 5)
