from __future__ import annotations

import torch

from harness.plugin_kit.chain import TableModel
from models.language_model import Cost


def test_the_cost_of_a_table_over_three_tokens() -> None:
    # Nine float32 values; a state is three of them and the last token.
    assert TableModel(torch.zeros(3, 3), 2).cost() == Cost(9, 36, 0, 20)
