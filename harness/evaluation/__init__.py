"""The parts of an eval, for people who write one: `from harness.evaluation import Eval, Sample, ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.common.face import face

if TYPE_CHECKING:
    from harness.completion.sequence import Completion as Completion
    from harness.evaluation.eval import Eval as Eval
    from harness.evaluation.eval import FindReference as FindReference
    from harness.evaluation.eval import Material as Material
    from harness.evaluation.eval import mean_metric as mean_metric
    from harness.evaluation.eval import metric_of as metric_of
    from harness.evaluation.metric import Baseline as Baseline
    from harness.evaluation.metric import Formula as Formula
    from harness.evaluation.metric import Measure as Measure
    from harness.evaluation.metric import Metric as Metric
    from harness.evaluation.requests import Answer as Answer
    from harness.evaluation.requests import Complete as Complete
    from harness.evaluation.requests import Compress as Compress
    from harness.evaluation.requests import Request as Request
    from harness.evaluation.requests import Sample as Sample
    from harness.evaluation.requests import Score as Score
    from harness.evaluation.requests import ScoreContinuation as ScoreContinuation
    from harness.evaluation.requests import ScoreText as ScoreText
    from harness.evaluation.rows import estimated as estimated
    from harness.evaluation.rows import measured as measured
    from harness.evaluation.rows import measures_of as measures_of
    from harness.evaluation.rows import slices_of as slices_of
    from harness.scoring.answers import Compressed as Compressed
    from harness.scoring.answers import Likelihood as Likelihood

__all__, __getattr__ = face(
    __name__,
    {
        "harness.evaluation.eval": ["Eval", "FindReference", "Material", "mean_metric", "metric_of"],
        "harness.evaluation.metric": ["Baseline", "Formula", "Measure", "Metric"],
        "harness.evaluation.requests": [
            "Answer",
            "Complete",
            "Compress",
            "Request",
            "Sample",
            "Score",
            "ScoreContinuation",
            "ScoreText",
        ],
        "harness.evaluation.rows": ["estimated", "measured", "measures_of", "slices_of"],
        "harness.scoring.answers": ["Compressed", "Likelihood"],
        "harness.completion.sequence": ["Completion"],
    },
)
