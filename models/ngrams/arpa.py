"""ARPA files: the text format in which n-gram toolkits (SRILM, KenLM, ...) exchange back-off models.

The start token is `<s>` where it opens an n-gram and `</s>` where it ends one. Every other token is written as its
name, which must hold no white space. Numbers are logarithms to the base 10; 0 as a probability is written as -99.

Shape legend: X nodes of the trie, V vocabulary size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TextIO

import numpy as np

from models.checks import Impossible
from models.ngrams.backoff import BackoffModel
from models.ngrams.trie import ROOT, Trie

OPENS, ENDS, UNKNOWN = "<s>", "</s>", "<unk>"
_LN_10 = np.log(10)
# What stands for the logarithm of 0.
_ZERO = -99.0

Gram = tuple[int, ...]


def write_arpa(model: BackoffModel, start_token: int, names: Sequence[str], file: TextIO) -> None:
    """Write a model as an ARPA file.

    names: (V,), a word for each token, each its own and without white space; the start token's isn't used. With
    numbers to 9 digits.
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

    names: (V,), the word of each token, as for `write_arpa`. Tokens that the file doesn't list share the probability of
    its <unk>, in equal parts; where it has none, or -99, they have no probability. Raises Impossible, with the line,
    where the file isn't valid or has a word that is none of the names.
    """
    _check_names(names, start_token)
    ids = {name: token for token, name in enumerate(names)} | {OPENS: start_token, ENDS: start_token}
    levels: list[dict[Gram, tuple[float, float]]] = []
    unknown: float = -np.inf
    opening_backoff = 0.0
    for m, number, logprob, words, log_backoff in _entries(lines):
        if m > len(levels):
            levels.append({})
        if words == [UNKNOWN] and UNKNOWN not in ids:
            unknown = logprob
            continue
        if words == [OPENS]:
            opening_backoff = log_backoff
            continue
        if UNKNOWN in words and UNKNOWN not in ids:
            continue
        missing = [word for word in words if word not in ids]
        if missing:
            raise Impossible(f"line {number} of the ARPA file has the word {missing[0]!r}, which is no token here.")
        gram = tuple(ids[word] for word in words)
        if m > 1 and gram[:-1] not in levels[m - 2]:
            raise Impossible(
                f"line {number} of the ARPA file has '{' '.join(words)}', but '{' '.join(words[:-1])}' isn't listed."
            )
        levels[m - 1][gram] = logprob, log_backoff
    if not levels or not levels[0]:
        raise Impossible("the ARPA file lists no words. Is it one, and whole?")
    singles = levels[0]
    unlisted = [(token,) for token in range(len(names)) if (token,) not in singles]
    singles |= dict.fromkeys(unlisted, (unknown - np.log(max(1, len(unlisted))), 0.0))
    singles[start_token,] = singles[start_token,][0], opening_backoff
    return _model_of(levels)


def _model_of(levels: Sequence[dict[Gram, tuple[float, float]]]) -> BackoffModel:
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
    log_backoffs[np.diff(trie.first_child) == 0] = 0.0
    log_backoffs[ROOT] = 0.0
    return BackoffModel(trie, logprobs, log_backoffs)


def _entries(lines: Iterable[str]) -> Iterator[tuple[int, int, float, list[str], float]]:
    """(n-gram length, line number, ln p, words, ln back-off weight) of every n-gram listed."""
    m, ended = 0, False
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if section := re.fullmatch(r"\\(\d+)-grams:", text):
            if int(section[1]) != m + 1:
                raise Impossible(f"line {number} of the ARPA file is {text!r}, where \\{m + 1}-grams: was due.")
            m += 1
        elif text == "\\end\\":
            ended = True
            break
        elif m and text:
            parts = text.split()
            try:
                logprob, log_backoff = float(parts[0]), float(parts[m + 1]) if len(parts) == m + 2 else 0.0
                well_formed = len(parts) in (m + 1, m + 2) and logprob < np.inf and log_backoff < np.inf
            except (ValueError, IndexError):
                well_formed = False
            if not well_formed:
                raise Impossible(
                    f"line {number} of the ARPA file is {text!r}, where a log-probability, {m} words and maybe a "
                    "back-off weight were due."
                )
            yield m, number, *(_natural(logprob),), parts[1 : m + 1], _natural(log_backoff)
    if not ended:
        raise Impossible("the ARPA file has no \\end\\: it isn't one, or was cut short.")


def _natural(log10: float) -> float:
    return -np.inf if log10 <= _ZERO else log10 * _LN_10


def _check_names(names: Sequence[str], start_token: int) -> None:
    words = [name for token, name in enumerate(names) if token != start_token]
    assert len({*words, OPENS, ENDS}) == len(words) + 2, "two tokens have one name"
    assert not any(re.search(r"\s", word) or not word for word in words), "a name has white space"
