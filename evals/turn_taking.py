"""Turn-taking: does the model hand the conversation back, keep to its own lines, and know whose turn it is?

Samples of four kinds, told apart by how their ids begin; a measure rests on the samples of its kind alone.

`reply`: the model plays the assistant in held-out conversations, twice: once stopped where it hands over, as a chatbot
would stop it (at the human's label or, in a format that closes its turns, at the end of its own), and once running
free, to see whether it goes on to write the human's lines. Its turn is its own text up to the first thing that looks
like a label, so that whoever invents speakers has said no more.

`format`: it is asked about labels, half of the time with the answer begun. Where what it says holds the stop text, it
is cut by its own words: once by the text, once only by a label that is a token of its own.

`turn_end`: nothing is written. At every place in real turns where a turn could end
(evals/conversation_parts/turn_ends.py) the model's probability that this one does, against whether it did.

`next_speaker`: nothing is written. At changes of turn in scenes of several speakers
(evals/conversation_parts/speakers.py), each speaker but the last is scored as the one who takes over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from evals.conversation_parts import speakers, turn_ends, turns
from evals.conversation_parts.turn_metrics import KINDS, metrics_of
from harness.common.seeds import seed_of
from harness.completion.sequence import Completion
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Metric
from harness.evaluation.requests import Answer, Complete, Request, Sample, Score, ScoreContinuation
from harness.evaluation.rows import slices_of
from harness.scoring.answers import Likelihood
from harness.text.data.corpus import Document
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import TranscriptFormat

REPLY, FORMAT, TURN_END, NEXT_SPEAKER = KINDS
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
"""About the format itself, as a human's one turn; and how the assistant's answer begins where it is begun."""


@dataclass(frozen=True)
class TurnTaking(Eval):
    """Options of the turn-taking eval."""

    name: ClassVar[str] = "turn_taking"
    version: ClassVar[int] = 2
    why_no_samples: ClassVar[str] = "the data set has no held-out conversations and no held-out scenes"

    num_samples: int = 100
    """Held-out conversations to take part in, one turn each."""
    exclude_sources: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Data sets whose conversations are left out."""
    max_history_turns: int = 6
    """The prompt holds at most so many turns before the model's own."""
    max_new_tokens: int = 160
    """Tokens that the model may write before its turn counts as never ended; also the length of the free run."""
    num_turn_ends: int = 100
    """Held-out conversations in which the end of one real turn is looked for; 0 for none."""
    max_places: int = 24
    """In a turn it is looked for at no more places than this, the real end included."""
    num_scenes: int = 30
    """Held-out scenes of three speakers or more in which the next one is asked for; 0 for none."""
    changes_per_scene: int = 10
    """Changes of turn in each."""
    max_history_chars: int = 800
    """Where nothing is written, as much of the transcript is read before it, in whole turns: characters."""

    def __post_init__(self) -> None:
        least = dict.fromkeys(("num_samples", "max_history_turns", "max_new_tokens", "max_places"), 1)
        least |= {"changes_per_scene": 1, "max_history_chars": 1, "num_turn_ends": 0, "num_scenes": 0}
        for name, number in least.items():
            if getattr(self, name) < number:
                raise ValueError(f"{name}={getattr(self, name)} is not allowed: it must be {number} or more")

    def samples(self, material: Material) -> Iterable[Sample]:
        replies = self._replies(material)
        yield from replies
        if replies:
            yield from _about_the_format(material.corpus.chat_format)
        yield from self._turn_ends(material)
        yield from self._next_speakers(material)

    def _conversations(self, material: Material, kind: str) -> Iterator[tuple[int, Document, tuple[Turn, ...]]]:
        """(draw, document, turns) of the held-out conversations. They come in the order of their draws, so that a
        smaller eval asks part of what a larger one asks."""
        form = material.corpus.chat_format
        drawn = [
            (seed_of(self.name, kind, document.id), document)
            for document in material.corpus.test
            if document.format == form.name and document.source not in self.exclude_sources
        ]
        for draw, document in sorted(drawn, key=lambda pair: pair[0]):
            yield draw, document, form.parse(document.text).turns

    def _replies(self, material: Material) -> list[Sample]:
        form = material.corpus.chat_format
        found: list[Sample] = []
        for draw, document, said in self._conversations(material, REPLY):
            own = [index for index, turn in enumerate(said) if turn.speaker == ASSISTANT and index > 0]
            if own and len(found) < self.num_samples:
                index = own[draw % len(own)]
                history = Transcript(said[max(0, index - self.max_history_turns) : index])
                prompt, slices = form.open_turn(history, ASSISTANT), {"source": document.source}
                found.append(Sample(f"{REPLY}:{document.id}", prompt, said[index].text, document.cluster, slices))
        return found

    def _turn_ends(self, material: Material) -> Iterator[Sample]:
        """The target is what really comes: the rest of the turn and what ends it."""
        form = material.corpus.chat_format
        stop = form.stop_text(HUMAN)
        asked: set[str] = set()
        for draw, document, said in self._conversations(material, TURN_END):
            found = []
            for index in range(1, len(said) - 1):
                speakers_here = [turn.speaker for turn in said[index - 1 : index + 2]]
                reasonable = 0 < len(said[index].text) <= turns.reasonable_length(material.corpus)
                if speakers_here == [HUMAN, ASSISTANT, HUMAN] and reasonable:
                    history = _recent(form, said[:index], self.max_history_chars)
                    prompt = form.open_turn(Transcript(history), ASSISTANT)
                    # Of several turns that answer the same words, one: no place is asked about twice.
                    if history and prompt not in asked:
                        found.append((index, prompt))
            if not found or len(asked) == self.num_turn_ends:
                continue
            index, prompt = found[draw % len(found)]
            asked.add(prompt)
            body = form.body(said[index])
            for place in turn_ends.places(body, self.max_places, f"{document.id}#{index}"):
                name = f"{TURN_END}:{document.id}#{index}@{place}"
                slices = {"source": document.source}
                yield Sample(name, prompt + body[:place], body[place:] + stop, document.cluster, slices)

    def _next_speakers(self, material: Material) -> Iterator[Sample]:
        """The target is what really comes: what stands between turns, and the next speaker's label."""
        corpus = material.corpus
        scenes = speakers.scenes(corpus)
        documents = [one for one in corpus.test if one.id in scenes and speakers.changes(scenes[one.id])]
        drawn = sorted(documents, key=lambda one: seed_of(self.name, NEXT_SPEAKER, one.id))
        for document in drawn[: self.num_scenes]:
            form, scene = corpus.format_of(document), scenes[document.id]
            assert form is not None
            found = 0
            for place in sorted(speakers.changes(scene), key=lambda place: seed_of(self.name, document.id, place)):
                history = _recent(form, scene.turns[:place], self.max_history_chars)
                if history and found < self.changes_per_scene:
                    found += 1
                    yield Sample(
                        f"{NEXT_SPEAKER}:{document.id}#{place}",
                        form.render(Transcript(history)),
                        form.between + form.label(scene.turns[place].speaker),
                        document.cluster,
                        {"source": document.source},
                    )

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        form = material.corpus.chat_format
        stop = form.stop_text(HUMAN)
        kind = _kind(sample)
        if kind == TURN_END:
            return [ScoreContinuation(sample.prompt, stop)]
        if kind == NEXT_SPEAKER:
            form, change = _change(sample, material)
            return [
                ScoreContinuation(sample.prompt, form.between + form.label(candidate))
                for candidate in change.candidates
            ]
        stopped, free = (
            Complete(sample.prompt, self.max_new_tokens, stop=(stop,)),
            Complete(sample.prompt, self.max_new_tokens),
        )
        if kind == FORMAT and turns.label_token(form, material.tokenizer) is None:
            return [stopped]
        return [stopped, free]

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        written = [answer for answer in answers if isinstance(answer, Completion)]
        if written:
            values = (_of_reply if _kind(sample) == REPLY else _of_format)(sample, written, material)
            first = written[0]
            return Score(values, first.text, first.finish_reason, num_tokens=len(first.tokens))
        nats = [answer.nats for answer in answers if isinstance(answer, Likelihood)]
        if _kind(sample) == TURN_END:
            ends = sample.target == material.corpus.chat_format.stop_text(HUMAN)
            probability = None if nats[0] is None else min(1.0, math.exp(-nats[0]))
            brier = None if probability is None else (probability - ends) ** 2
            return Score({"turn_end": ends, "turn_end_probability": probability, "turn_end_brier": brier})
        return Score(_of_speakers(nats, _change(sample, material)[1]))

    def metrics(self, rows: pd.DataFrame) -> list[Metric]:
        found = []
        for name, part in slices_of(rows):
            for kind in KINDS:
                of_kind = part[part["sample_id"].str.startswith(f"{kind}:")]
                if name == "all" or len(of_kind):
                    found += metrics_of(self, kind, of_kind, name)
        return found

    def perfect_answer(self, sample: Sample) -> str:
        """What is said in a reply is not judged; a real turn may be longer than is within reason."""
        if _kind(sample) in (TURN_END, NEXT_SPEAKER):
            return sample.target
        return '". Yes, quite so.' if sample.prompt.endswith('"') else " Yes, quite so."


def _kind(sample: Sample) -> str:
    return sample.id.partition(":")[0]


def _about_the_format(form: TranscriptFormat) -> Iterator[Sample]:
    for number, (question, begun) in enumerate(QUESTIONS):
        prompt = form.open_turn(Transcript((Turn(HUMAN, question),)), ASSISTANT)
        for name, beginning in (("", ""), ("-begun", form.body(Turn(ASSISTANT, begun)))):
            yield Sample(f"{FORMAT}:{number}{name}", prompt + beginning, cluster=f"{FORMAT}:{number}")


def _recent(form: TranscriptFormat, said: Sequence[Turn], most: int) -> tuple[Turn, ...]:
    sizes = [len(form.render(Transcript((turn,))) + form.between) for turn in said]
    return speakers.recent(said, sizes, most)


def _change(sample: Sample, material: Material) -> tuple[TranscriptFormat, speakers.Change]:
    """The change of turn that a sample asks about, and how its scene is written."""
    name, _, place = sample.id.removeprefix(f"{NEXT_SPEAKER}:").rpartition("#")
    document = next(document for document in material.corpus.test if document.id == name)
    form = material.corpus.format_of(document)
    assert form is not None
    return form, speakers.change(speakers.scenes(material.corpus)[name], int(place))


def _of_reply(sample: Sample, written: Sequence[Completion], material: Material) -> dict[str, float | None]:
    stopped, free = written
    form, limit = material.corpus.chat_format, turns.reasonable_length(material.corpus)
    words, encode = turns.corpus_words(material.corpus), material.tokenizer.encode
    handed_back = stopped.stop_text == form.stop_text(HUMAN)
    turn = turns.own_turn(form, stopped.text)
    *_, asked, _ = form.parse(sample.prompt).turns
    is_turn = handed_back and bool(turn.strip())
    return {
        "handed_back": handed_back,
        "within_reason": len(turn.strip()) <= limit if handed_back else None,
        "empty_turn": not turn.strip(),
        "ended_in_mid_word": turns.ended_in_mid_word(turn, words) if is_turn else None,
        "echoed": turns.echoed(turn, asked.text),
        "turn_tokens": len(encode(turn)) if is_turn else None,
        **turns.free_run_measures(free.text, form),
        "real_within_reason": len(sample.target) <= limit,
        "real_echoed": turns.echoed(sample.target, asked.text),
        "real_turn_tokens": len(encode(form.body(Turn(ASSISTANT, sample.target)))),
    }


def _of_format(sample: Sample, written: Sequence[Completion], material: Material) -> dict[str, float | None]:
    form, tokenizer = material.corpus.chat_format, material.tokenizer
    begun = form.parse(sample.prompt).turns[-1].text
    cut_by_text = written[0].stop_text == form.stop_text(HUMAN)
    token = turns.label_token(form, tokenizer)
    by_token: bool | None = None
    if token is not None:
        said = turns.text_before(token, written[1].tokens, form, tokenizer)
        by_token = said is not None and turns.unfinished(begun + said)
    return {
        "cut_by_its_own_words": cut_by_text and turns.unfinished(begun + written[0].text),
        "cut_by_its_own_words_label_tokens": by_token,
    }


def _of_speakers(nats: Sequence[float | None], change: speakers.Change) -> dict[str, float | None]:
    """How the model ranks the speakers, and the two simplest answers beside it."""
    scores = [-number for number in nats if number is not None]
    ranks = {
        "": change.rank(scores) if len(scores) == len(nats) else None,
        "before_last_": change.rank(change.by_last_turn),
        "most_frequent_": change.rank(change.by_number_of_turns),
    }
    values: dict[str, float | None] = {"next_speaker_candidates": len(change.candidates)}
    for who, rank in ranks.items():
        values[f"{who}next_speaker_accuracy"] = None if rank is None else rank == 1
        values[f"{who}next_speaker_mrr"] = None if rank is None else 1 / rank
    return values
