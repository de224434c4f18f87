"""Showcase: what the model writes after a few fixed prompts. It is for reading and has no scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.common.errors import UserError
from harness.common.escapes import EscapedText
from harness.common.options import check_least, check_most
from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material
from harness.evaluation.requests import MOST_NEW_TOKENS, Answer, Complete, Request, Sample, Score
from harness.text.transcript import Transcript
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat


@dataclass(frozen=True)
class Showcase(Eval):
    """Options of the showcase."""

    name: ClassVar[str] = "showcase"
    version: ClassVar[int] = 1

    prompts: list[EscapedText]
    """What the model continues; an empty prompt begins a new document. Conversations ("Human: ...") are written in the
    format of the run's data."""
    max_new_tokens: int = 240
    """Tokens to write after each prompt; 1 to 100,000."""

    def __post_init__(self) -> None:
        if not self.prompts:
            raise ValueError(
                "prompts=[] is not allowed: give at least one prompt, or leave showcase out of evals=[...]"
            )
        check_least(self, max_new_tokens=1)
        check_most(self, max_new_tokens=MOST_NEW_TOKENS)

    def samples(self, material: Material) -> Iterable[Sample]:
        form = material.corpus.chat_format
        return [Sample(f"prompt-{number}", _in_format(prompt, form)) for number, prompt in enumerate(self.prompts)]

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return [Complete(sample.prompt, self.max_new_tokens)]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        [completion] = answers
        assert isinstance(completion, Completion)
        return Score(
            values={}, answer=completion.text, finish_reason=completion.finish_reason, num_tokens=len(completion.tokens)
        )


def _in_format(prompt: str, form: TranscriptFormat) -> str:
    """A conversation in the format `form`, with its last turn open; any other prompt unchanged."""
    try:
        turns = HUMAN_ASSISTANT.parse(prompt).turns
    except UserError:
        return prompt
    if not turns:
        return prompt
    *before, last = turns
    return form.open_turn(Transcript(tuple(before)), last.speaker) + form.body(last)
