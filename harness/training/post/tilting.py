"""How a correction is put above a model."""

from __future__ import annotations

from harness.training.curve import curve_row, validation_text
from harness.training.post.stage import Bench, Made
from harness.training.post.tilted import Tilting
from harness.training.spent import Spent
from models.language_model import LanguageModel
from models.tilted import Tilted


def tilt(stage: Tilting, model: LanguageModel, bench: Bench) -> Made:
    """The same model with a correction of 0."""
    tilted = Tilted(stage.changed(model.config), model)
    validation = validation_text(bench.corpus, bench.tokenizer, bench.training.validation_bytes)
    spent = Spent()
    curve = [curve_row(spent, validation_bits_per_byte=validation.bits_per_byte(tilted))]
    return Made(tilted, spent, curve, validation)
