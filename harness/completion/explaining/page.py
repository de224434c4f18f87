"""An explanation as one self-contained HTML page: the completion, coloured by surprise, and each token's candidates.

It loads nothing from a network and runs no script; the model's text is escaped.
"""

from __future__ import annotations

from importlib import resources

import jinja2

from harness.common.numerals import probability
from harness.common.visible import visible
from harness.completion.explaining.steps import Explanation
from harness.completion.explaining.table import spelled

# Surprise, in bits, at which the colour is strongest.
_MOST_BITS = 8.0


def page(explanation: Explanation, title: str) -> str:
    """The page's HTML."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("harness.completion.explaining").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        title=title,
        prompt=visible(explanation.prompt),
        completion=explanation.completion,
        steps=explanation.steps,
        names=[stage.name for stage in explanation.steps[0].stages] if explanation.steps else [],
        shown=_shown,
        spelled=spelled,
        strength=lambda bits: round(min(bits, _MOST_BITS) / _MOST_BITS, 3),
        share=probability,
        most_bits=_MOST_BITS,
    )


def _shown(text: str) -> str:
    """A token's text within the completion, with line breaks made visible."""
    return visible(text).replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}\n")
