"""Runs from Python: make a run, open its fit, read results as data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.common.face import face

if TYPE_CHECKING:
    from harness.runs.frames import curves_frame as curves_frame
    from harness.runs.frames import metrics_frame as metrics_frame
    from harness.runs.frames import runs_frame as runs_frame
    from harness.runs.frames import samples_frame as samples_frame
    from harness.runs.notebook import OpenFit as OpenFit
    from harness.runs.notebook import make_run as make_run
    from harness.runs.notebook import open_fit as open_fit
    from harness.runs.record import RunRecord as RunRecord

__all__, __getattr__ = face(
    __name__,
    {
        "harness.runs.notebook": ["OpenFit", "make_run", "open_fit"],
        "harness.runs.frames": ["curves_frame", "metrics_frame", "runs_frame", "samples_frame"],
        "harness.runs.record": ["RunRecord"],
    },
)
