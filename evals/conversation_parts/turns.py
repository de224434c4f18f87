"""Shared by evals of conversations: the held-out conversations, and properties of turns.

All functions are pure, over a corpus or over texts.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from harness.common.seeds import seed_of
from harness.evaluation.requests import Sample
from harness.text.data.corpus import Corpus, Document
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import TranscriptFormat
from harness.text.turn_text import HUMANS, is_empty, label_like

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_LAST_WORD = re.compile(r"\w+(?:['’]\w+)*\Z")
_NEAR = 0.9


def conversations(
    corpus: Corpus, exclude_sources: Sequence[str], name: str
) -> Iterator[tuple[int, Document, tuple[Turn, ...]]]:
    """(draw, document, turns) of the held-out conversations, without excluded sources.

    They are in random order by a fixed seed, so a smaller eval asks a part of a larger one. name: seeds the order.
    """
    drawn = [(seed_of(name, document.id), document) for document in _held_out(corpus, tuple(exclude_sources))]
    for draw, document in sorted(drawn, key=lambda pair: pair[0]):
        yield draw, document, corpus.chat_format.parse(document.text).turns


def to_take(corpus: Corpus, exclude_sources: Sequence[str], max_history_turns: int, name: str) -> Iterator[Sample]:
    """The assistant's turns in the held-out conversations, without excluded sources: one in each, then a second one in
    each, and so on. name: seeds the order."""
    form = corpus.chat_format
    of_each: list[list[Sample]] = []
    for draw, document, said in conversations(corpus, exclude_sources, name):
        own = [index for index, turn in enumerate(said) if turn.speaker == ASSISTANT and index > 0]
        samples = []
        for index in random.Random(draw).sample(own, len(own)):
            history = Transcript(said[max(0, index - max_history_turns) : index])
            prompt, slices = form.open_turn(history, ASSISTANT), {"source": document.source}
            samples.append(Sample(f"{document.id}/turn-{index}", prompt, said[index].text, document.cluster, slices))
        of_each.append(samples)
    return (sample for round_ in itertools.zip_longest(*of_each) for sample in round_ if sample is not None)


def has_replies(corpus: Corpus, exclude_sources: Sequence[str]) -> bool:
    """Whether the assistant answers in some held-out conversation, without excluded sources."""
    return any(
        turn.speaker == ASSISTANT
        for document in _held_out(corpus, tuple(exclude_sources))
        for turn in corpus.chat_format.parse(document.text).turns[1:]
    )


def usual_lengths(corpus: Corpus, exclude_sources: Sequence[str]) -> tuple[float, float]:
    """The 5th and the 95th percentile of the lengths, in characters, of the assistant's turns in the held-out
    conversations, without excluded sources. There must be such a turn."""
    return _usual_lengths(corpus, tuple(exclude_sources))


@functools.lru_cache(maxsize=4)
def _usual_lengths(corpus: Corpus, exclude_sources: tuple[str, ...]) -> tuple[float, float]:
    lengths = [
        len(turn.text.strip())
        for document in _held_out(corpus, exclude_sources)
        for turn in corpus.chat_format.parse(document.text).turns
        if turn.speaker == ASSISTANT
    ]
    shortest, longest = np.quantile(lengths, [0.05, 0.95])
    return float(shortest), float(longest)


def _held_out(corpus: Corpus, exclude_sources: tuple[str, ...]) -> Iterator[Document]:
    for document in corpus.test:
        if document.format == corpus.chat_format.name and document.source not in exclude_sources:
            yield document


def recent(form: TranscriptFormat, turns: Sequence[Turn], most: int) -> tuple[Turn, ...]:
    """The last turns that fit into `most` characters as whole turns, with their separators; none if the last one is too
    long."""
    room, begin = most, len(turns)
    while begin:
        size = len(form.render(Transcript((turns[begin - 1],))) + form.between)
        if size > room:
            break
        begin, room = begin - 1, room - size
    return tuple(turns[begin:])


def free_run_measures(continuation: str, form: TranscriptFormat) -> dict[str, float | None]:
    """How a completion without stop text after the assistant's label used labels; None where it wrote none.

    wrote_for_the_other: it wrote a line for the human, under this format's label, or 'human' or 'user' in any case.
    alternation: the share of its turn changes that went to another speaker. wellformed_labels: of the texts that look
    like a label at a structural place, the share that are labels of this format (where anyone may speak: of the human
    or the assistant).
    """
    turns = form.reply(ASSISTANT, continuation)
    changes = [before.speaker != after.speaker for before, after in itertools.pairwise(turns)]
    known = {form.label(speaker) for speaker in form.speakers or (HUMAN, ASSISTANT)}
    labels, wrote_for_the_other = [], False
    boundaries = list(form.boundaries(label_like(form)).finditer(continuation))
    ends = [*(boundary.start() for boundary in boundaries[1:]), len(continuation)]
    for boundary, end in zip(boundaries, ends, strict=False):  # `ends` is longer if there are no boundaries
        label = boundary["label"]
        if label is not None:
            labels.append(label in known)
            says_something = bool(continuation[boundary.end() : end].strip())
            wrote_for_the_other |= _names_the_human(label, form) and says_something
    return {
        "wrote_for_the_other": wrote_for_the_other,
        "alternation": float(np.mean(changes)) if changes else None,
        "wellformed_labels": float(np.mean(labels)) if labels else None,
    }


def _names_the_human(label: str, form: TranscriptFormat) -> bool:
    name = label[len(form.before_name) : len(label) - len(form.after_name)].strip()
    return label == form.label(HUMAN) or name.casefold() in HUMANS


@functools.lru_cache(maxsize=2)
def corpus_words(corpus: Corpus) -> frozenset[str]:
    """Every word of the whole corpus, case folded."""
    return frozenset(word.casefold() for _, document in corpus for word in set(_WORD.findall(document.text)))


def ended_in_mid_word(turn: str, known: frozenset[str]) -> bool:
    """Whether a turn ends with letters that aren't a known word. Punctuation after them makes them count as
    complete."""
    last = _LAST_WORD.search(turn.rstrip())
    return last is not None and last[0].casefold() not in known


def folded(turn: str) -> str:
    """A turn without case, spaces and punctuation, for comparing turns; a turn of only punctuation stays as it is."""
    return re.sub(r"[\W_]+", "", turn.casefold()) or turn.strip()


def echoed(turn: str, turns: Sequence[Turn]) -> bool:
    """Whether a turn repeats one of these turns, by any speaker, up to one different character in ten."""
    if is_empty(turn):
        return False
    words = folded(turn)
    return any(_nearly_the_same(words, folded(other.text)) for other in turns)


def _nearly_the_same(left: str, right: str) -> bool:
    """Whether 90 % of the characters of two texts match, in order (difflib's ratio; Ratcliff and Obershelp)."""
    if left == right:
        return True
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    return matcher.real_quick_ratio() >= _NEAR and matcher.quick_ratio() >= _NEAR and matcher.ratio() >= _NEAR


def overused(replies: Sequence[tuple[str, str]], real: Sequence[tuple[str, str]]) -> set[str]:
    """The replies that a model gives to more than 5 % of the prompts, to at least two, and to more than twice as many
    as people do.

    replies, real: (prompt, reply) of the model and of people, folded. Equal prompts count once.
    """
    num_prompts = len({prompt for prompt, _ in replies})
    human_counts = Counter(reply for _, reply in set(real))
    model_counts = Counter(reply for _, reply in set(replies))
    return {reply for reply, count in model_counts.items() if count > max(1, num_prompts / 20, 2 * human_counts[reply])}


def most_frequent(replies: Sequence[str]) -> str:
    """The most frequent reply; of several, the last in alphabetical order."""
    return max((count, reply) for reply, count in Counter(replies).items())[1]


def length_distance(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    """The Kolmogorov-Smirnov statistic, 0 to 1, of two distributions of lengths; None where one of them is empty.

    pairs: the length of a model's turn and of the real turn; None where a turn doesn't count.
    """
    from scipy.stats import ks_2samp  # only where it is needed, so that settings are checked without scipy

    of_model, real = (
        ([length for length in side if length is not None] for side in zip(*pairs, strict=True)) if pairs else ([], [])
    )
    if not of_model or not real:
        return None
    return float(ks_2samp(of_model, real, method="asymp").statistic)
