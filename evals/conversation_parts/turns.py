"""What a model that plays the assistant did with the turns of a conversation, told from its text.

Pure functions over texts: of a reply, of a free run, and of how their lengths compare with those of real turns.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence

import numpy as np
from scipy.stats import ks_2samp

from harness.text.data.corpus import Corpus
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.text.transcript import ASSISTANT, HUMAN
from harness.text.transcript_format import TranscriptFormat

FEWEST_WORDS_ECHOED = 4
"""A line of fewer words, as "Good night", may well come back."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_LAST_WORD = re.compile(r"\w+(?:['’]\w+)*\Z")
_EMOTICON = re.compile(r"[:;=]['’]?-?[()\[\]{}]")
_CLOSING = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»"}
# Each of these opens and closes; the longest comes first, so that a fence is not taken for three of the next.
_BOTH = ("```", "`", '"')


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


@functools.lru_cache(maxsize=4)
def reasonable_length(corpus: Corpus) -> float:
    """The 95th percentile of the lengths, in characters, of the assistant's turns in the held-out conversations."""
    lengths = [
        len(turn.text)
        for document in corpus.test
        if document.format == corpus.chat_format.name
        for turn in corpus.chat_format.parse(document.text).turns
        if turn.speaker == ASSISTANT
    ]
    return float(np.quantile(lengths, 0.95))


@functools.lru_cache(maxsize=2)
def corpus_words(corpus: Corpus) -> frozenset[str]:
    """Every word of the training and the held-out text, case folded."""
    return frozenset(word.casefold() for _, document in corpus for word in set(_WORD.findall(document.text)))


def ended_in_mid_word(turn: str, known: frozenset[str]) -> bool:
    """Whether a turn ends with letters that are no known word; punctuation after them says that they were meant."""
    last = _LAST_WORD.search(turn.rstrip())
    return last is not None and last[0].casefold() not in known


def echoed(turn: str, line: str) -> bool | None:
    """Whether a turn says what the other has just said, whatever the case, the spaces and the punctuation; None where
    that was too short a line for this to mean anything."""
    if len(_WORD.findall(line)) < FEWEST_WORDS_ECHOED:
        return None
    return _folded(turn) == _folded(line)


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def unfinished(turn: str) -> bool:
    """Whether a turn can't be meant to end where it does: after a colon or a comma, or within quotation marks, brackets
    or code that it opened. Single quotation marks are apostrophes too often to tell, and faces are no brackets."""
    text = turn.rstrip()
    if text.endswith((":", ",")):
        return True
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


def label_token(form: TranscriptFormat, tokenizer: Tokenizer) -> int | None:
    """The token that hands a turn of the assistant's over, where the tokenizer has one for it."""
    return tokenizer.label_tokens.get(form.end or form.label(HUMAN).rstrip())


def text_before(token: int, tokens: Sequence[int], form: TranscriptFormat, tokenizer: Tokenizer) -> str | None:
    """What was written before a label that is this one token; None where it doesn't occur among the tokens."""
    if token not in tokens:
        return None
    text = tokenizer.decode(tokens[: tokens.index(token)])
    return text if form.end else text.removesuffix(form.between)


def length_distance(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    """How far apart two distributions of lengths are: the Kolmogorov-Smirnov statistic, 0 to 1.

    pairs: the length of a model's turn and of the real turn, None where one of them doesn't count; None without any of
    either.
    """
    own, real = ([one for one in side if one is not None] for side in zip(*pairs, strict=True)) if pairs else ([], [])
    if not own or not real:
        return None
    return float(ks_2samp(own, real, method="asymp").statistic)
