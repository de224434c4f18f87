"""What evals of conversations share: which conversations there are, and what turns are like, told from their text.

Pure functions over a corpus and over texts.
"""

from __future__ import annotations

import difflib
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
_HUMANS = ("human", "user")
_TALKERS = (*_HUMANS, "assistant", "system", "ai", "bot")
# Capitalised words with a colon that open a paragraph, and name nobody.
_HEADINGS = (
    "Also", "Answer", "Because", "But", "Caution", "Conclusion", "Edit", "Example", "Examples", "First", "Hint",
    "However", "Important", "Finally", "Nb", "No", "Note", "Notes", "Or", "Ps", "Question", "Reason", "Remember",
    "Result", "Second", "Solution", "Source", "Step", "Summary", "Third", "Tip", "Tips", "Warning", "Well", "Yes",
)  # fmt: skip
_NEAR = 0.9
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_EMOTICON = re.compile(r"[:;=]['’]?-?[()\[\]{}]")
_CLOSING = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»"}
# Each of these opens and closes; the longest comes first, so that a fence is not taken for three of the next.
_BOTH = ("```", "`", '"')


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


def left_open(turn: str) -> bool:
    """Whether a turn ends within quotation marks, brackets or code that it opened. Single quotation marks are
    apostrophes too often to tell, and faces are no brackets."""
    text = turn
    for mark in _BOTH:
        if text.count(mark) % 2:
            return True
        text = text.replace(mark, " ") if mark == "```" else text
    open_: list[str] = []
    for character in _EMOTICON.sub(" ", text):
        if character in _CLOSING:
            open_.append(_CLOSING[character])
        elif open_ and character == open_[-1]:
            open_.pop()
    return bool(open_)


def free_run_measures(continuation: str, form: TranscriptFormat) -> dict[str, float | None]:
    """What a free run after the assistant's label did with the labels; None where it wrote none to judge by.

    wrote_for_the_other: it wrote a line of the human's, whether under this format's label or as 'human' or 'user' in
    any case. alternation: share of its turn changes that went to another speaker. wellformed_labels: share of what
    looks like a label, where one may stand, that is a label of this format (where anyone may speak: of one of the two).
    """
    turns = form.reply(ASSISTANT, continuation)
    changes = [before.speaker != after.speaker for before, after in itertools.pairwise(turns)]
    known = {form.label(speaker) for speaker in form.speakers or (HUMAN, ASSISTANT)}
    labels, wrote_for_the_other = [], False
    boundaries = list(form.boundaries(label_like(form)).finditer(continuation))
    ends = [*(boundary.start() for boundary in boundaries[1:]), len(continuation)]
    for boundary, end in zip(boundaries, ends, strict=False):  # without a boundary there is nothing to end
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
    return label == form.label(HUMAN) or name.casefold() in _HUMANS


def label_like(form: TranscriptFormat) -> str:
    """What looks like a label of a format, whoever it names, as a regular expression.

    Between two markers that is anything on one line. A name alone ("Stranger:") is one to three words of letters, each
    with a capital, and no usual heading as "Note"; or it is "human", "user", "assistant" and the like in any case. So
    "At 12: 30" and "What I mean: this" are text.
    """
    before, after = re.escape(form.before_name), re.escape(form.after_name)
    if form.before_name:
        closing = re.escape(form.after_name[:1])
        name = rf"[^\s{closing}][^\n{closing}]{{0,30}}"
    else:
        talkers = {*_TALKERS, *(form.speakers or {}).values()}
        in_any_case = "|".join(re.escape(talker) for talker in sorted(talkers))
        word = r"[^\W\d_a-z][^\W\d_]*(?:[.'’-][^\W\d_]+)*\.?"
        no_heading = rf"(?!(?i:{'|'.join(_HEADINGS)}){after})"
        name = rf"(?:(?i:{in_any_case})|{no_heading}{word}(?: {word}){{0,2}})"
    return f"{before}{name}{after}{form.after_label}"


@functools.lru_cache(maxsize=2)
def corpus_words(corpus: Corpus) -> frozenset[str]:
    """Every word of the training and the held-out text, case folded."""
    return frozenset(word.casefold() for _, document in corpus for word in set(_WORD.findall(document.text)))


def ended_in_mid_word(turn: str, known: frozenset[str]) -> bool:
    """Whether a turn ends with letters that are no known word; punctuation after them says that they were meant."""
    last = _LAST_WORD.search(turn.rstrip())
    return last is not None and last[0].casefold() not in known


def is_empty(turn: str) -> bool:
    """Whether nothing can be seen of a turn: white space, control characters, those of no width, blank letters, and
    accents without a letter are nothing."""
    return all(unicodedata.category(one)[0] in "ZCM" or one in _BLANK_LETTERS for one in turn)


def folded(turn: str) -> str:
    """A turn without its case, spaces and punctuation, by which turns are told to be the same; of punctuation alone,
    that."""
    return re.sub(r"[\W_]+", "", turn.casefold()) or turn.strip()


def echoed(turn: str, turns: Sequence[Turn]) -> bool:
    """Whether a turn says again what was said in one of these, whoever said it, to one character in ten."""
    if is_empty(turn):
        return False
    said = folded(turn)
    return any(_nearly_the_same(said, folded(other.text)) for other in turns)


def _nearly_the_same(one: str, other: str) -> bool:
    """Whether nine in ten of the characters of two texts match, in order (difflib's ratio; Ratcliff and Obershelp)."""
    if one == other:
        return True
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= _NEAR and matcher.quick_ratio() >= _NEAR and matcher.ratio() >= _NEAR


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
