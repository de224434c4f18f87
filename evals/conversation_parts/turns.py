"""What evals of conversations share: which conversations there are, and what turns are like, told from their text.

Pure functions over a corpus and over texts.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from harness.common.seeds import seed_of
from harness.text.data.corpus import Corpus, Document
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import TranscriptFormat

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_LAST_WORD = re.compile(r"\w+(?:['’]\w+)*\Z")


def conversations(
    corpus: Corpus, exclude_sources: Sequence[str], name: str
) -> Iterator[tuple[int, Document, tuple[Turn, ...]]]:
    """(draw, document, turns) of the held-out conversations but those of some sources.

    They come in the order of their draws, so that a smaller eval asks part of what a larger one asks. name: what they
    are drawn by.
    """
    drawn = [(seed_of(name, document.id), document) for document in _held_out(corpus, tuple(exclude_sources))]
    for draw, document in sorted(drawn, key=lambda pair: pair[0]):
        yield draw, document, corpus.chat_format.parse(document.text).turns


def has_replies(corpus: Corpus, exclude_sources: Sequence[str]) -> bool:
    """Whether the assistant answers in a held-out conversation but those of some sources."""
    return any(
        turn.speaker == ASSISTANT
        for document in _held_out(corpus, tuple(exclude_sources))
        for turn in corpus.chat_format.parse(document.text).turns[1:]
    )


def usual_lengths(corpus: Corpus, exclude_sources: Sequence[str]) -> tuple[float, float]:
    """The 5th and the 95th percentile of the lengths, in characters, of the assistant's turns in the held-out
    conversations but those of some sources. There must be such a turn."""
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
    """The last of these turns, whole ones, that are written with no more than `most` characters, what stands after each
    included; none if the last is longer."""
    room, begin = most, len(turns)
    while begin:
        size = len(form.render(Transcript((turns[begin - 1],))) + form.between)
        if size > room:
            break
        begin, room = begin - 1, room - size
    return tuple(turns[begin:])


def own_turn(form: TranscriptFormat, completion: str) -> str:
    """What of a completion after the assistant's label is its own turn, as it was written: all up to the first thing
    that looks like a label, whomever it names."""
    boundary = form.boundaries(label_like(form)).search(completion)
    return completion if boundary is None else completion[: boundary.start()]


def free_run_measures(continuation: str, form: TranscriptFormat) -> dict[str, float | None]:
    """What a free run after the assistant's label did with the labels; None where it wrote none to judge by.

    wrote_for_the_other: it wrote a line of the human's. alternation: share of its turn changes that went to another
    speaker. wellformed_labels: share of what looks like a label, where one may stand, that is a label of this format
    (where anyone may speak: of one of the two).
    """
    turns = form.reply(ASSISTANT, continuation)
    changes = [before.speaker != after.speaker for before, after in itertools.pairwise(turns)]
    known = {form.label(speaker) for speaker in form.speakers or (HUMAN, ASSISTANT)}
    boundaries = form.boundaries(label_like(form)).finditer(continuation)
    labels = [boundary["label"] in known for boundary in boundaries if boundary["label"] is not None]
    return {
        "wrote_for_the_other": any(turn.speaker == HUMAN and turn.text.strip() for turn in turns),
        "alternation": float(np.mean(changes)) if changes else None,
        "wellformed_labels": float(np.mean(labels)) if labels else None,
    }


def label_like(form: TranscriptFormat) -> str:
    """What looks like a label of a format, whoever it names, as a regular expression."""
    closing = re.escape(form.after_name[:1])
    name = rf"[^\s{closing}][^\n{closing}]{{0,30}}"
    return f"{re.escape(form.before_name)}{name}{re.escape(form.after_name)}{form.after_label}"


@functools.lru_cache(maxsize=2)
def corpus_words(corpus: Corpus) -> frozenset[str]:
    """Every word of the training and the held-out text, case folded."""
    return frozenset(word.casefold() for _, document in corpus for word in set(_WORD.findall(document.text)))


def ended_in_mid_word(turn: str, known: frozenset[str]) -> bool:
    """Whether a turn ends with letters that are no known word; punctuation after them says that they were meant."""
    last = _LAST_WORD.search(turn.rstrip())
    return last is not None and last[0].casefold() not in known


def is_empty(turn: str) -> bool:
    """Whether nothing can be seen of a turn: white space, control characters and those of no width are nothing."""
    return all(unicodedata.category(character)[0] in "ZC" for character in turn)


def folded(turn: str) -> str:
    """A turn without its case, spaces and punctuation, by which turns are told to be the same; of punctuation alone,
    that."""
    return re.sub(r"[\W_]+", "", turn.casefold()) or turn.strip()


def echoed(turn: str, turns: Sequence[Turn]) -> bool:
    """Whether a turn says again what was said in one of these, whoever said it."""
    return not is_empty(turn) and folded(turn) in {folded(other.text) for other in turns}


def overused(replies: Sequence[tuple[str, str]], real: Sequence[tuple[str, str]]) -> set[str]:
    """The replies that are given to more than one prompt in twenty, and to two or more, and to more than twice as many
    as people give them to.

    replies, real: prompts and what is replied to them, folded. Who is asked the same thing twice may well say the same.
    """
    num_prompts = len({prompt for prompt, _ in replies})
    people = Counter(reply for _, reply in set(real))
    given = Counter(reply for _, reply in set(replies))
    return {reply for reply, count in given.items() if count > max(1, num_prompts / 20, 2 * people[reply])}


def most_frequent(replies: Sequence[str]) -> str:
    """The reply that is given most often; of several, the last by alphabet."""
    return max((count, reply) for reply, count in Counter(replies).items())[1]


def length_distance(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    """How far apart two distributions of lengths are: the Kolmogorov-Smirnov statistic, 0 to 1.

    pairs: the length of a model's turn and of the real turn, None where one of them doesn't count; None without any of
    either.
    """
    from scipy.stats import ks_2samp  # only where it is needed: settings are checked without scipy

    own, real = ([one for one in side if one is not None] for side in zip(*pairs, strict=True)) if pairs else ([], [])
    if not own or not real:
        return None
    return float(ks_2samp(own, real, method="asymp").statistic)
