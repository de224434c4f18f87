"""The showcase's prompts, in the format of the run's data."""

from __future__ import annotations

import pytest

from evals.showcase import Showcase
from harness.evaluation.eval import Material
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.byte import ByteTokenizer
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY, TranscriptFormat
from tests.harness.text.formats import CHATML

PROMPTS = ["ROMEO:", "Human: Hello.\n\nAssistant:", "Human: Hello.\n\nAssistant: I am", "", "Human:"]


@pytest.mark.parametrize("form", [HUMAN_ASSISTANT, PLAY])
def test_prompts_are_asked_unchanged(form: TranscriptFormat) -> None:
    material = Material(Corpus("toy", (), (), (), formats=(form,)), ByteTokenizer())
    assert [sample.prompt for sample in Showcase(PROMPTS).samples(material)] == PROMPTS


def test_conversations_are_put_in_the_format_of_the_run_s_data() -> None:
    material = Material(Corpus("toy", (), (), (), formats=(PLAY, CHATML)), ByteTokenizer())
    assert [sample.prompt for sample in Showcase(PROMPTS).samples(material)] == [
        "ROMEO:",
        "<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\nI am",
        "",
        "<|im_start|>user\n",
    ]
