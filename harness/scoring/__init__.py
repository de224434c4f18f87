"""How likely texts are under a model, and a check of that by real compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.common.face import face

if TYPE_CHECKING:
    from harness.scoring.answers import BITS_PER_NAT as BITS_PER_NAT
    from harness.scoring.answers import Compressed as Compressed
    from harness.scoring.answers import Likelihood as Likelihood
    from harness.scoring.answers import TokenScores as TokenScores
    from harness.scoring.likelihood import document_likelihood as document_likelihood
    from harness.scoring.likelihood import document_logprobs as document_logprobs
    from harness.scoring.likelihood import most_probable as most_probable
    from harness.scoring.likelihood import score_targets as score_targets

__all__, __getattr__ = face(
    __name__,
    {
        "harness.scoring.answers": ["BITS_PER_NAT", "Compressed", "Likelihood", "TokenScores"],
        "harness.scoring.likelihood": [
            "document_likelihood",
            "document_logprobs",
            "most_probable",
            "score_targets",
        ],
    },
)
