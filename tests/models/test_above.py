"""The contexts of what stands above a model."""

from __future__ import annotations

import numpy as np

from models.above import NOTHING
from models.adapted import Adapted
from models.settings.adapted import Adaptation, AdaptedConfig
from models.settings.gru import GRUConfig

VOCAB, START = 5, 4


def test_contexts_are_numbers_of_the_last_tokens_and_never_reach_past_the_start() -> None:
    base = GRUConfig(d_model=4).build(VOCAB, START)
    model = Adapted(AdaptedConfig(base.config, Adaptation(2)), base)
    tokens = np.array([[NOTHING, START, 1, 2], [3, START, 0, 1]])
    assert model.contexts(tokens).tolist() == [
        [[0, 0, 0, 0], [0, 0, 0, 0]],
        [[NOTHING, 4, 1, 2], [3, 4, 0, 1]],
        [[NOTHING, NOTHING, 1 + 5 * 4, 2 + 5 * 1], [NOTHING, NOTHING, 0 + 5 * 4, 1 + 5 * 0]],
    ]
