"""ARPA files: write a run's n-grams as one, and score text with one from another toolkit.

Words in an ARPA file contain no white space. So a token is written as its text, with white space, '%' and control
characters percent-encoded ('%20' for a space). A token whose word is empty or not unique is written as '<number>'.
"""

from __future__ import annotations

import io
import math
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.cli.score_files import read_text, row
from harness.common.errors import UserError
from harness.common.files import write_bytes
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fits import Fit
from models.checks import Impossible
from models.language_model import ModelConfig
from models.ngrams.arpa import ENDS, OPENS, UNKNOWN, arpa_words, read_arpa, write_arpa

# The characters that KenLM takes for a space (util/spaces.cc).
_SPACE = re.compile("[ \t\v\f\r]+")


def token_words(tokenizer: Tokenizer) -> list[str]:
    """A unique word for each of the V tokens."""
    words = ["".join(map(_escaped, tokenizer.decode([token]))) for token in range(tokenizer.vocab_size)]
    shared = Counter(words)
    taken = {"", OPENS, ENDS, UNKNOWN, UNKNOWN.upper()}
    return [
        f"<{token}>" if shared[word] > 1 or word in taken or "�" in word else word for token, word in enumerate(words)
    ]


def _escaped(character: str) -> str:
    if character == "%" or character.isspace() or not character.isprintable():
        return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    return character


def check_export(config: ModelConfig) -> None:
    """UserError where a model with these options has no n-grams to write. Needs no torch."""
    if not config.is_backoff:
        raise UserError(
            f"this fit of model={config.family} can't be written as an ARPA file: only n-gram models with an order "
            "can. Name a run of model=ngram whose model.order is a number."
        )


def export(fit: Fit, path: Path) -> None:
    """Write a fit's n-grams as an ARPA file. UserError where it has none."""
    check_export(fit.model.config)
    file = io.StringIO()
    ngram: Any = fit.model
    write_arpa(ngram.backoff_model, fit.model.start_token, token_words(fit.tokenizer), file)
    write_bytes(path, file.getvalue().encode())


def score_texts(path: Path, texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Score texts with an ARPA file, reading them as KenLM's `query` does: a line is a sentence, ASCII white space
    separates words.

    Returns what `harness.cli.score_files.score_texts` does, and 'unknown_words' in each row. A text with unknown words
    has no probability itself, so it has no bits per byte. UserError where the file's units aren't words.
    """
    lines = read_text(str(path)).split("\n")
    try:
        words = arpa_words(lines)
        ids = {word: token for token, word in enumerate(words)}
        start = len(words)
        model = read_arpa(lines, start, [*words, OPENS])
    except Impossible as error:
        raise UserError(f"{path}: {error}") from None
    _check_units(path, words, texts)
    opening = model.context_after(0, start)
    rows = []
    for name, text in texts:
        total, num_tokens, unknown = 0.0, 0, 0
        for sentence in text.removesuffix("\n").split("\n") if text else ():
            word_ids = [ids.get(word) for word in _SPACE.split(sentence) if word]
            missing = word_ids.count(None)
            if missing and UNKNOWN not in ids:
                total = math.inf
            unknown += missing + word_ids.count(ids.get(UNKNOWN, -1))
            tokens = np.array([[*(ids.get(UNKNOWN, 0) if token is None else token for token in word_ids), start]])
            scored = model.score(np.array([opening]), tokens, np.array([tokens.shape[1]]))
            total -= float(scored.astype(np.float64).sum())
            num_tokens += tokens.shape[1]
        rows.append({**row(name, len(text.encode()), len(text), num_tokens, total), "unknown_words": unknown})
    sizes = {
        name: sum(scores[name] for scores in rows) for name in ("num_bytes", "num_chars", "num_tokens", "unknown_words")
    }
    nats = sum(math.inf if scores["nats"] is None else scores["nats"] for scores in rows)
    total_row = row("total", sizes["num_bytes"], sizes["num_chars"], sizes["num_tokens"], nats)
    rows.append({**total_row, "unknown_words": sizes["unknown_words"]})
    for scores in rows:
        if scores["unknown_words"]:
            scores["bits_per_byte"] = scores["byte_perplexity"] = None
    return {"files": rows[:-1], "total": rows[-1]}


def _check_units(path: Path, words: Sequence[str], texts: Sequence[tuple[str, str]]) -> None:
    """UserError where the file lists tokens as `export` writes them, or contains no word of the texts."""
    advice = (
        "If a run of bakeoff wrote the file, score with that run itself: "
        f"{shlex.join(['bakeoff', 'score', 'RUN', *(name for name, _ in texts)])}"
    )
    needed = [word for _, text in texts for word in _SPACE.split(text.replace("\n", " ")) if word]
    missing = set(needed).difference(words)
    encoded_space = next((word for word in words if word.startswith((_escaped(" "), _escaped("\n")))), None)
    if missing and encoded_space is not None:
        raise UserError(
            f"{path} can't score text here: its units are a tokenizer's tokens (it lists {encoded_space!r}, with "
            f"percent-encoded white space), but here an .arpa file must be a model of words. {advice}"
        )
    if needed and UNKNOWN not in words and missing.issuperset(needed):
        raise UserError(
            f"{path} can't score text here: it lists none of the {len(needed):,} words of the text, as {needed[0]!r}, "
            f"and has no {UNKNOWN} for unknown words. Its own units are, for example, {', '.join(words[:3])}. {advice}"
        )
