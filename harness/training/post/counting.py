"""How a family that counts is changed: counts above it, under an Adaptation (models/adapted.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.adapted import Adapted
from models.language_model import CountingModel, LanguageModel
from models.settings.adapted import Adaptation, AdaptedConfig

Events = tuple[Sequence[NDArray[np.int64]], Sequence[NDArray[np.float64]]]
"""Documents as token ids, (N,) each, without the start token; and the weight of each token, (N,) each."""


def changes_nothing(model: LanguageModel) -> bool:
    """Whether the family learns nothing at all, as uniform, so that stages leave it as it is."""
    return isinstance(model, CountingModel) and not model.learns


def adapted(model: LanguageModel, adaptation: Adaptation, counted: Events, held_out: Events) -> Adapted:
    """The model with weighted counts above it; held-out events choose how much they count."""
    above = Adapted(AdaptedConfig(model.config, adaptation), model)
    above.count(*counted)
    above.choose(*held_out)
    return above
