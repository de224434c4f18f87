"""How settings are told."""

from __future__ import annotations

from harness.report.comparison import Cell, MeasureKey
from harness.report.wording import intervals_told, options_text
from harness.statistics.estimate import Estimate, no_interval


def test_settings_are_told_by_their_options_and_those_with_a_name_by_it() -> None:
    form = {
        "_target_": "harness.text.transcript_format.TranscriptFormat",
        "name": "chatml",
        "speakers": {"Human": "user"},
    }
    assert options_text({"name": "char", "speaker_tokens": False, "format": form, "min_count": 1}) == (
        "speaker tokens off, format chatml, min count 1"
    )
    chooser = {"_target_": "harness.completion.decoding.choosers.Draw"}
    transforms = {"top_p": {"_target_": "harness.completion.decoding.transforms.TopP", "p": 0.9}}
    assert options_text({"transforms": transforms, "chooser": chooser}) == "p 0.9, chooser Draw"


def test_why_points_have_no_interval_is_told() -> None:
    def cell(estimate: Estimate) -> Cell:
        return Cell(MeasureKey("turn_ends", "auc", "area", True, False, None, None), estimate, (0,), (0.5,), None, None)

    whole = cell(Estimate(0.5, 9, 9, ci_low=0.4, ci_high=0.6))
    bare = cell(Estimate(0.5, 9, 9, reason=no_interval(9, 3)))
    nothing = cell(Estimate(None, 0, 9, reason="no sample"))
    why = "(only 3 clusters: no interval, which takes 5)"
    assert intervals_told("Bands", [whole, whole, None]) == "Bands are 95 % intervals"
    assert intervals_told("Bands", [bare, bare, nothing]) == f"There are no 95 % intervals {why}"
    assert intervals_told("Bands", [whole, bare]) == f"Bands are 95 % intervals, and some points have none {why}"
