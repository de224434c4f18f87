"""Speakers with known behaviour: conversations and a play, and models that have learnt them by heart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from evals.format_questions import FormatQuestions
from evals.next_speaker import NextSpeaker
from evals.turn_ends import TurnEnds
from evals.turn_taking import TurnTaking
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Metric
from harness.evaluation.questions import questions, scored
from harness.evaluation.requests import Sample
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import PLAY, TranscriptFormat
from tests.toys import ScriptedModel

TOKENIZER = ByteTokenizerSettings().train([])
EVALS: tuple[Eval, ...] = (
    TurnTaking(max_new_tokens=150),
    FormatQuestions(max_new_tokens=150),
    TurnEnds(),
    NextSpeaker(),
)
NAMES = ("Anna", "Bert", "Cleo", "Dora", "Emil", "Fred", "Gina", "Hans")
# Who speaks when in three scenes; by their initials.
SCENES = ("RJRNJBRN", "NJNRBRJN", "BRNBJRBJN")
_SPEAKERS = {"R": "ROMEO", "J": "JULIET", "N": "NURSE", "B": "BENVOLIO"}
_SURE = 1 - 1e-12


def conversation(name: str) -> Transcript:
    """Two pairs of turns; the human's and the assistant's turns have the same length."""
    pairs = [
        (f"Hello there, I am {name} from the hills.", f"Welcome {name}! What brings you here"),
        ("I came to see the sea and all of its ships.", f"Then go down to the old harbour, {name}"),
    ]
    turns = [
        turn
        for line, answer in pairs
        for turn in (Turn(HUMAN, line), Turn(ASSISTANT, answer + "!" * (len(line) - len(answer))))
    ]
    return Transcript((*turns, Turn(HUMAN, "Thank you.")))


def scene(order: str) -> Transcript:
    return Transcript(tuple(Turn(_SPEAKERS[initial], f"Line {place}.") for place, initial in enumerate(order)))


def corpus(form: TranscriptFormat, num: int = len(NAMES), num_scenes: int = len(SCENES)) -> Corpus:
    talks = [
        Document(f"t{n}", form.render(conversation(name)), "chat", f"t{n}", form.name) for n, name in enumerate(NAMES)
    ]
    plays = [
        Document(f"p{n}", PLAY.render(scene(order)), "plays", f"p{n}", PLAY.name) for n, order in enumerate(SCENES)
    ]
    test = (*plays[:num_scenes], *talks[:num])
    return Corpus("toy", tuple(talks[:1]), tuple(talks[:1]), test, formats=(PLAY, form))


@dataclass(frozen=True)
class Speaker:
    """What a speaker does in each eval; by default everything is right."""

    says: Callable[[TranscriptFormat, str, str], str] = lambda form, real, line: real + handing(form, HUMAN)
    """(format, what is really said, the human's line before it) to all that it writes, in letters, after its label."""
    explains: Callable[[TranscriptFormat, str], str] = lambda form, begun: (
        ('"' if begun.endswith('"') else "") + " Yes, quite so." + handing(form, HUMAN)
    )
    """(format, the answer as far as it was begun) to what it writes about the format."""
    ends: Callable[[bool], float] = lambda ended: _SURE if ended else 1 - _SURE
    """Whether a turn really ended at a place, to the probability that it gives this."""
    expects: Callable[[str, list[str]], Mapping[str, float]] = lambda true, others: {
        true: 0.7,
        **dict.fromkeys(others, 0.3 / len(others)),
    }
    """(who speaks next, who else might) to each one's probability."""


def handing(form: TranscriptFormat, speaker: str) -> str:
    """The text that ends a turn and begins another speaker's."""
    return form.end + form.between + form.label(speaker)


def script(
    speaker: Speaker, eval: Eval, samples: Sequence[Sample], form: TranscriptFormat
) -> dict[str, str | dict[str, float]]:
    """What it writes after each text that an eval may ask; after any other text it ends."""
    known: dict[str, str | dict[str, float]] = {}

    def write(prompt: str, text: str) -> None:
        for place, letter in enumerate(text):
            known[prompt + text[:place]] = letter

    stop = form.stop_text(HUMAN)
    for sample in samples:
        prompt = sample.prompt
        match eval:
            case TurnTaking():
                line = form.parse(prompt).turns[-2].text
                write(prompt, speaker.says(form, form.body(Turn(ASSISTANT, sample.target)), line))
            case FormatQuestions():
                write(prompt, speaker.explains(form, form.parse(prompt).turns[-1].text))
            case NextSpeaker():
                everyone = {turn.speaker for turn in scene("RJNB").turns}
                candidates = sorted(everyone - {PLAY.parse(prompt).turns[-1].speaker})
                true = sample.target.strip().removesuffix(":")
                shares = speaker.expects(true, [name for name in candidates if name != true])
                for name in candidates:
                    write(prompt, PLAY.between + PLAY.label(name))
                known[prompt + PLAY.between] = {name[0]: share for name, share in shares.items()}
            case TurnEnds():
                share = speaker.ends(sample.target == stop)
                write(prompt, stop)
                left = dict.fromkeys("xyz", (1 - share) / 3) if sample.target == stop else {sample.target[0]: 1 - share}
                known[prompt] = {stop[0]: share, **left}
    return known


def table(speaker: Speaker, form: TranscriptFormat, eval: Eval, held: Corpus | None = None) -> pd.DataFrame:
    """The speaker's scored rows, computed as for any model; held: the held-out text, by default the toy corpus."""
    material = Material(held or corpus(form), TOKENIZER)
    eval_questions = questions(eval, material, seed=0)
    known = script(speaker, eval, eval_questions.samples, form)
    model = ScriptedModel(TOKENIZER, lambda text: known.get(text, ""))
    answers = ask(
        Respondent(model, TOKENIZER, DecodingStrategy(Greedy())), eval_questions.requests, eval_questions.seeds, "test"
    )
    return scored(eval, eval_questions, answers, material).rows


def judged(
    speaker: Speaker, form: TranscriptFormat, evals: Sequence[Eval] = EVALS, held: Corpus | None = None
) -> dict[str, Metric]:
    """Its metrics over all samples of each eval, by name."""
    return {
        metric.metric: metric
        for eval in evals
        for metric in eval.metrics(table(speaker, form, eval, held))
        if metric.slice == "all"
    }


def changed(**manners: object) -> Speaker:
    """A speaker who does everything right except this."""
    return dataclasses.replace(Speaker(), **manners)  # type: ignore[arg-type]


def knows_second_best(true: str, others: list[str]) -> dict[str, float]:
    """Ranks another speaker above the next one."""
    return {others[0]: 0.6, true: 0.3, **dict.fromkeys(others[1:], 0.1 / len(others[1:]))}
