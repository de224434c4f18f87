"""Is an answer about the format of conversations cut off by its own words?

A human asks about speaker labels; in half of the prompts the assistant's answer is begun. An answer that mentions a
label may contain the stop text, and then it is cut off there.

`cut_by_its_own_words`: the share of answers that ended at the stop text in an obviously unfinished state.
`cut_by_its_own_words_label_tokens`: the same where only a label that is a single token ends an answer. The same letters
within an answer don't.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from evals.conversation_parts import turns
from harness.common.options import check_least, check_most
from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Measure
from harness.evaluation.requests import MOST_NEW_TOKENS, Answer, Complete, Request, Sample, Score
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import TranscriptFormat
from harness.text.turn_text import left_open

QUESTIONS = (
    ("What does every line of yours begin with?", "Each line of yours begins with a label, like this:"),
    ("How can I tell which of us is speaking?", "By the name before the words. When it is you it says:"),
    ("What is written before the things that I say?", 'Before the things that you say there is always "'),
    ("How would you write down our talk?", "I would put one line below the other:"),
    ("Can you show me what a conversation looks like?", "Of course. It looks like this:"),
    ("What comes after you have finished speaking?", 'When I have finished there comes a new line with "'),
    ("Which word tells you that it is my turn?", 'It is my turn to listen when I read "'),
    ("What is the name for me in this text?", 'In this text you are called "'),
)
"""A human's question, and the beginning of the assistant's answer where it is begun."""


@dataclass(frozen=True)
class FormatQuestions(Eval):
    """Options of the format questions."""

    name: ClassVar[str] = "format_questions"
    version: ClassVar[int] = 1
    has_wrong_answers: ClassVar[bool] = False
    descriptions: ClassVar[Mapping[str, str]] = {
        "cut_by_its_own_words": (
            "Share of the answers that were stopped because the stop text was part of what the model said."
        ),
        "cut_by_its_own_words_label_tokens": "The same, where only a label that is a single token stops an answer.",
    }
    why_no_samples: ClassVar[str] = "the data set has no held-out conversations between a human and an assistant"
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("cut_by_its_own_words", higher_is_better=False),
        Measure(
            "cut_by_its_own_words_label_tokens",
            higher_is_better=False,
            why_missing="the tokenizer has no label tokens (tokenizer.speaker_tokens=true adds them)",
        ),
    )

    max_new_tokens: int = 160
    """Tokens that an answer may take; 1 to 100,000."""
    exclude_sources: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Data sets whose conversations don't count: without any others, nothing is asked."""

    def __post_init__(self) -> None:
        check_least(self, max_new_tokens=1)
        check_most(self, max_new_tokens=MOST_NEW_TOKENS)

    def samples(self, material: Material) -> Iterable[Sample]:
        form = material.corpus.chat_format
        if not turns.has_replies(material.corpus, self.exclude_sources):
            return
        for number, (question, beginning) in enumerate(QUESTIONS):
            prompt, cluster = form.open_turn(Transcript((Turn(HUMAN, question),)), ASSISTANT), str(number)
            yield Sample(f"{number}", prompt, cluster=cluster)
            yield Sample(f"{number}-begun", prompt + form.body(Turn(ASSISTANT, beginning)), cluster=cluster)

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        form = material.corpus.chat_format
        stopped = Complete(sample.prompt, self.max_new_tokens, stop=(form.stop_text(HUMAN),))
        if label_token(form, material.tokenizer) is None:
            return [stopped]
        return [stopped, Complete(sample.prompt, self.max_new_tokens)]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        form, tokenizer = material.corpus.chat_format, material.tokenizer
        stopped, *free = (answer for answer in answers if isinstance(answer, Completion))
        beginning = form.parse(sample.prompt).turns[-1].text
        by_text = stopped.stop_text == form.stop_text(HUMAN) and unfinished(beginning + stopped.text)
        token = label_token(form, tokenizer)
        by_token: bool | None = None
        if token is not None:
            said = text_before(token, free[0].tokens, form, tokenizer)
            by_token = said is not None and unfinished(beginning + said)
        return Score(
            {"cut_by_its_own_words": by_text, "cut_by_its_own_words_label_tokens": by_token},
            stopped.text,
            stopped.finish_reason,
            num_tokens=len(stopped.tokens),
        )

    def perfect_answer(self, sample: Sample, request: Request) -> str:
        return '". Yes, quite so.' if sample.prompt.endswith('"') else " Yes, quite so."


def unfinished(turn: str) -> bool:
    """Whether a turn is obviously unfinished: it ends after a colon or a comma, or within quotation marks, brackets or
    code that it opened."""
    return turn.rstrip().endswith((":", ",")) or left_open(turn)


def label_token(form: TranscriptFormat, tokenizer: Tokenizer) -> int | None:
    """The single token that ends a turn of the assistant; None where the tokenizer has none."""
    return tokenizer.label_tokens.get(form.end or form.label(HUMAN).rstrip())


def text_before(token: int, tokens: Sequence[int], form: TranscriptFormat, tokenizer: Tokenizer) -> str | None:
    """The text before a label token; None where it doesn't occur among the tokens."""
    if token not in tokens:
        return None
    text = tokenizer.decode(tokens[: tokens.index(token)])
    return text if form.end else text.removesuffix(form.between)
