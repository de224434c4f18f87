"""ARPA files: the text format in which n-gram toolkits (SRILM, KenLM, ...) exchange back-off models.

The start token is `<s>` where it opens an n-gram and `</s>` where it ends one. Every other token is written as its
name. Numbers are logarithms to the base 10; 0 as a probability is written as -99.

What is read, and what is refused, is what KenLM reads and refuses (Heafield 2011; its lm/read_arpa.cc):
- Only spaces, tabs and line feeds separate words. Every other character is part of a word, U+00A0 and U+2028 too.
- Blank lines and lines with # may come before \\data\\, only blank ones after \\end\\. As many n-grams are listed as
  \\data\\ says, each once, with its words among the 1-grams and its beginning among the shorter n-grams.
- <s> and </s> are listed. <UNK> is <unk>.
- Log-probabilities are at most 0. Back-off weights are finite, and the longest n-grams have none.
Three differences: -99 stands for no probability, an <unk> that isn't listed has none, and spaces may stand for tabs.

Shape legend: X nodes of the trie, V vocabulary size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TextIO

import numpy as np

from models.checks import Impossible
from models.ngrams.backoff import BackoffModel
from models.ngrams.trie import ROOT, Trie

OPENS, ENDS, UNKNOWN = "<s>", "</s>", "<unk>"
_UNKNOWN_IN_CAPITALS = "<UNK>"
_LN_10 = np.log(10)
# What stands for the logarithm of 0.
_ZERO = -99.0
SEPARATORS = " \t\n"
"""What separates words."""
_NUMBER = re.compile(r"-inf|[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Gram = tuple[int, ...]
Level = dict[Gram, tuple[float, float]]
"""The n-grams of one length: ln p and the logarithm of the back-off weight."""


def write_arpa(model: BackoffModel, start_token: int, names: Sequence[str], file: TextIO) -> None:
    """Write a model as an ARPA file.

    names: (V,), a word for each token, each its own and without separators; the start token's isn't used. With numbers
    to 9 digits.
    """
    _check_names(names, start_token)
    trie = model.trie
    sizes = np.diff(trie.level_begins)[1:].tolist()
    # The start token is two words.
    sizes[0] += 1
    file.write("\\data\\\n" + "".join(f"ngram {m}={size}\n" for m, size in enumerate(sizes, start=1)))
    words = list(names)
    words[start_token] = ENDS
    prefixes = [""]
    for m in range(1, trie.order + 1):
        file.write(f"\n\\{m}-grams:\n")
        logprobs = np.maximum(model.logprobs / _LN_10, _ZERO)
        longer = []
        for context in range(trie.level_begins[m - 1], trie.level_begins[m]):
            prefix = prefixes[context - trie.level_begins[m - 1]]
            for node in range(trie.first_child[context], trie.first_child[context + 1]):
                word = words[trie.tokens[node]]
                line = f"{logprobs[node]:.9g}\t{prefix}{word}"
                is_start = m == 1 and trie.tokens[node] == start_token
                if is_start:
                    file.write(f"{line}\n")
                    word, line = OPENS, f"{_ZERO:g}\t{OPENS}"
                if m < trie.order:
                    longer.append(f"{prefix}{word} ")
                    if model.log_backoffs[node]:
                        line += f"\t{max(model.log_backoffs[node] / _LN_10, _ZERO):.9g}"
                file.write(f"{line}\n")
        prefixes = longer
    file.write("\n\\end\\\n")


def read_arpa(lines: Iterable[str], start_token: int, names: Sequence[str]) -> BackoffModel:
    """The model in an ARPA file, over a vocabulary of ours.

    lines: those between line feeds. names: (V,), the word of each token, as for `write_arpa`. Tokens that the file
    doesn't list share the probability of its <unk>, in equal parts; where it has none, or -99, they have no
    probability. Raises Impossible, with the line, where the file isn't valid or has a word that is none of the names.
    """
    _check_names(names, start_token)
    ids = {name: token for token, name in enumerate(names)} | {OPENS: start_token, ENDS: start_token}
    levels: list[Level] = []
    marks: dict[str, tuple[float, float]] = {}
    for entry in _entries(lines):
        if entry.num_words > len(levels):
            levels.append({})
        gram = _gram(entry, ids)
        weights = entry.logprob, entry.log_backoff
        if entry.num_words == 1 and entry.words[0] in (OPENS, ENDS, UNKNOWN):
            if entry.words[0] in marks:
                raise _repeated(entry)
            marks[entry.words[0]] = weights
        if gram is None or entry.words == [OPENS]:
            continue
        if gram in levels[-1]:
            raise _repeated(entry)
        if len(gram) > 1 and gram[:-1] not in levels[-2]:
            raise Impossible(
                f"line {entry.line} of the ARPA file has '{' '.join(entry.words)}', but "
                f"'{' '.join(entry.words[:-1])}' isn't listed."
            )
        levels[-1][gram] = weights
    for mark in (OPENS, ENDS):
        if mark not in marks:
            raise Impossible(
                f"the ARPA file doesn't list {mark}, which {'opens' if mark == OPENS else 'ends'} every sentence. Add "
                "it to the 1-grams."
            )
    singles = levels[0]
    unlisted = [(token,) for token in range(len(names)) if (token,) not in singles]
    unknown = marks[UNKNOWN][0] if UNKNOWN in marks and UNKNOWN not in ids else -np.inf
    singles |= dict.fromkeys(unlisted, (unknown - np.log(max(1, len(unlisted))), 0.0))
    singles[start_token,] = singles[start_token,][0], marks[OPENS][1]
    _extend_contexts(levels)
    return _model_of(levels)


def _gram(entry: _Entry, ids: dict[str, int]) -> Gram | None:
    """The tokens of an n-gram; None where it has an <unk> that is no token."""
    missing = [word for word in entry.words if word not in ids]
    if strange := [word for word in missing if word != UNKNOWN]:
        raise Impossible(
            f"line {entry.line} of the ARPA file has the word {strange[0]!r}, which is "
            f"{'no token here' if entry.num_words == 1 else 'not among its 1-grams'}."
        )
    return None if missing else tuple(ids[word] for word in entry.words)


def _repeated(entry: _Entry) -> Impossible:
    return Impossible(f"line {entry.line} of the ARPA file lists '{' '.join(entry.words)}' again.")


def _extend_contexts(levels: Sequence[Level]) -> None:
    """Give every context that has a weight but no extension one: an n-gram that says what backing off says.

    A trie remembers of the past only what has extensions, and would forget the weight.
    """
    for m, level in enumerate(levels[:-1]):
        extended = {gram[:-1] for gram in levels[m + 1]}
        for context, (_, log_backoff) in level.items():
            if log_backoff and context not in extended:
                gram = (*context, 0)
                levels[m + 1][gram] = log_backoff + _logprob(levels, gram[1:]), 0.0


def _logprob(levels: Sequence[Level], gram: Gram) -> float:
    """ln p of the last token of an n-gram after the others."""
    listed = levels[len(gram) - 1].get(gram)
    if listed is not None:
        return listed[0]
    _, log_backoff = levels[len(gram) - 2].get(gram[:-1], (0.0, 0.0))
    return log_backoff + _logprob(levels, gram[1:])


def _model_of(levels: Sequence[Level]) -> BackoffModel:
    in_order = [sorted(level) for level in levels]
    begins = np.cumsum([0, 1, *map(len, in_order)])
    first_child = [np.array([1])]
    for m, grams in enumerate(in_order[:-1]):
        # As many children come before a context's own as belong to the contexts before it.
        children = {
            context: len(list(group)) for context, group in groupby(in_order[m + 1], key=lambda gram: gram[:-1])
        }
        counts = [children.get(gram, 0) for gram in grams]
        first_child.append(begins[m + 2] + np.cumsum([0, *counts])[:-1])
    first_child.append(begins[-1:])
    entries = [level[gram] for level, grams in zip(levels, in_order, strict=True) for gram in grams]
    tokens = np.array([-1, *(gram[-1] for grams in in_order for gram in grams)], np.int32)
    trie = Trie.of(tokens, np.concatenate(first_child), begins)
    logprobs = np.array([-np.log(trie.vocab_size), *(logprob for logprob, _ in entries)])
    log_backoffs = np.array([0.0, *(weight for _, weight in entries)])[: trie.num_inner].copy()
    log_backoffs[ROOT] = 0.0
    return BackoffModel(trie, logprobs, log_backoffs)


@dataclass(frozen=True)
class _Entry:
    """One n-gram of a file."""

    line: int
    logprob: float
    """ln p."""
    words: list[str]
    log_backoff: float
    """The natural logarithm of the back-off weight; 0 where there is none."""

    @property
    def num_words(self) -> int:
        return len(self.words)


def arpa_words(lines: Iterable[str]) -> list[str]:
    """The words that an ARPA file lists, <s> and </s> left out, <UNK> as <unk>. Raises Impossible, with the line, where
    the file isn't valid up to them."""
    words = []
    for entry in _entries(lines):
        if entry.num_words > 1:
            break
        if entry.words[0] not in (OPENS, ENDS):
            words.append(entry.words[0])
    return list(dict.fromkeys(words))


def _entries(lines: Iterable[str]) -> Iterator[_Entry]:
    """Every n-gram that a file lists."""
    numbered = ((number, line.strip(SEPARATORS)) for number, line in enumerate(lines, start=1))
    filled = ((number, text) for number, text in numbered if text)
    line, text = next(((number, text) for number, text in filled if not text.startswith("#")), (0, ""))
    if text != "\\data\\":
        raise Impossible(
            f"line {line} of the ARPA file is {text!r}, but \\data\\ is expected here." if line else _NO_END
        )
    sizes: list[int] = []
    for line, text in filled:
        count = re.fullmatch(r"ngram +(\d+) *= *(\d+)", text, re.ASCII)
        if count is None:
            break
        if int(count[1]) != len(sizes) + 1:
            raise Impossible(
                f"line {line} of the ARPA file is {text!r}, but the number of {len(sizes) + 1}-grams is expected here."
            )
        sizes.append(int(count[2]))
    else:
        raise Impossible(_NO_END)
    if not sizes or not sizes[0]:
        raise Impossible(
            f"line {line} of the ARPA file is {text!r}, but 'ngram 1=' and the number of words are expected here."
        )
    for m, size in enumerate(sizes, start=1):
        if text != f"\\{m}-grams:":
            raise Impossible(f"line {line} of the ARPA file is {text!r}, but \\{m}-grams: is expected here.")
        listed = 0
        for line, text in filled:
            if text.startswith("\\"):
                break
            listed += 1
            yield _entry(line, text, m, is_longest=m == len(sizes))
        else:
            raise Impossible(_NO_END)
        if listed != size:
            raise Impossible(
                f"the ARPA file lists {listed} {m}-grams before line {line}, but its beginning says {size}. Is it "
                "whole?"
            )
    if text != "\\end\\":
        raise Impossible(f"line {line} of the ARPA file is {text!r}, but \\end\\ is expected here.")
    for line, text in filled:
        raise Impossible(f"line {line} of the ARPA file is {text!r}, after its \\end\\.")


_NO_END = "the ARPA file has no \\end\\: it isn't one, or was cut short."


def _entry(line: int, text: str, num_words: int, is_longest: bool) -> _Entry:
    if text.endswith("\r"):
        raise Impossible(f"line {line} of the ARPA file ends as in Windows. Convert its line ends, as with dos2unix.")
    logprob, *rest = re.split(f"[{SEPARATORS}]+", text)
    words, backoff = rest[:num_words], "".join(rest[num_words:]) or "0"
    if (
        not num_words <= len(rest) <= num_words + 1
        or not _NUMBER.fullmatch(logprob)
        or not _NUMBER.fullmatch(backoff)
        or not np.isfinite(float(backoff))
    ):
        raise Impossible(
            f"line {line} of the ARPA file is {text!r}, but a log-probability, {num_words} words and maybe a "
            "back-off weight are expected here."
        )
    if float(logprob) > 0:
        raise Impossible(f"line {line} of the ARPA file has the log-probability {logprob}: a probability above 1.")
    if is_longest and float(backoff):
        raise Impossible(
            f"line {line} of the ARPA file has the back-off weight {backoff}, but no n-gram is longer than {num_words} "
            "words."
        )
    words = [UNKNOWN if word == _UNKNOWN_IN_CAPITALS else word for word in words]
    return _Entry(line, _natural(float(logprob)), words, _natural(float(backoff)))


def _natural(log10: float) -> float:
    return -np.inf if log10 <= _ZERO else log10 * _LN_10


def _check_names(names: Sequence[str], start_token: int) -> None:
    words = [name for token, name in enumerate(names) if token != start_token]
    assert len({*words, OPENS, ENDS}) == len(words) + 2, "two tokens have one name"
    assert not any(set(word) & set(SEPARATORS) or not word for word in words), "a name has separators"
