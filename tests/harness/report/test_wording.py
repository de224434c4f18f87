"""How settings are told."""

from __future__ import annotations

import pytest

from harness.report.wording import options_text, quantity


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


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0521, "0.0521"), (117, "117"), (999.7, "1k"), (801_024, "801k"), (2.7e6, "2.7M"), (1.38e13, "13.8T")],
)
def test_quantities_are_said_in_three_digits(value: float, text: str) -> None:
    assert quantity(value) == text
