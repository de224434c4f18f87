"""How settings are told."""

from __future__ import annotations

from harness.report.wording import options_text


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
