"""The likelihood of the user's own texts under a fitted model, for `bakeoff score`."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.common.reading import read_bytes
from harness.scoring.answers import BITS_PER_NAT
from harness.scoring.likelihood import document_logprobs, nats
from harness.text.tokenizers.tokenizer import encode_whole
from harness.text.utf8 import encode_utf8
from harness.training.fits import Fit


def score_texts(fit: Fit, texts: Sequence[tuple[str, str]], per_token: bool = False) -> dict[str, Any]:
    """The totals of each text, scored as one document, and of all texts; plain values.

    texts: each with the name of its file.

    {'files': [{file, num_bytes, num_chars, num_tokens, nats, bits_per_byte, byte_perplexity, token_perplexity}],
    'total': the same}. With per_token each file also has 'tokens': [{text, logprob}]. None where a number doesn't
    exist: bits per byte of an empty text, nats of a text with probability 0, the logprob of a token with probability 0.
    UserError where the model gives no probabilities at all.
    """
    if fit.model.why_no_distribution is not None:
        raise UserError(f"this run can't score text: its {fit.model.why_no_distribution}. Use a run of another model.")
    encoded = [encode_whole(fit.tokenizer, text) for _, text in texts]
    scored = document_logprobs(fit.model, encoded)
    rows = []
    for (name, text), tokens, logprobs in zip(texts, encoded, scored, strict=True):
        scores = row(name, len(encode_utf8(text)), len(text), len(tokens), nats(logprobs) if len(tokens) else 0.0)
        if per_token:
            scores["tokens"] = [
                {"text": fit.tokenizer.token_text(int(token)), "logprob": _finite(float(logprob))}
                for token, logprob in zip(tokens, logprobs, strict=True)
            ]
        rows.append(scores)
    num_bytes, num_chars, num_tokens = (
        sum(scores[name] for scores in rows) for name in ("num_bytes", "num_chars", "num_tokens")
    )
    total = row(
        "total",
        num_bytes,
        num_chars,
        num_tokens,
        sum(math.inf if scores["nats"] is None else scores["nats"] for scores in rows),
    )
    return {"files": rows, "total": total}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def row(name: str, num_bytes: int, num_chars: int, num_tokens: int, total_nats: float) -> dict[str, Any]:
    """The scores of one text; numbers that aren't finite are None."""
    return {
        "file": name,
        "num_bytes": num_bytes,
        "num_chars": num_chars,
        "num_tokens": num_tokens,
        "nats": _finite(total_nats),
        "bits_per_byte": _finite(total_nats * BITS_PER_NAT / num_bytes) if num_bytes else None,
        "byte_perplexity": _power(total_nats, num_bytes),
        "token_perplexity": _power(total_nats, num_tokens),
    }


def remarks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why numbers of files are missing, a sentence each."""
    found = []
    for scores in rows:
        if not scores["num_bytes"]:
            found.append(f"{scores['file']} is empty, so nothing is divided by its bytes and tokens.")
        elif scores["nats"] is None and not scores.get("unknown_words"):
            found.append(f"The model gives {scores['file']} a probability of 0, so it has no bits per byte.")
    return found


def _power(total_nats: float, count: int) -> float | None:
    try:
        return _finite(math.exp(total_nats / count)) if count else None
    except OverflowError:
        return None


def read_files(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each file's name and text, as `read_text` reads it."""
    return [(name, read_text(name)) for name in names]


def read_text(name: str) -> str:
    """A file's text, or standard input's for '-'. UserError where it can't be read or isn't UTF-8."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else read_bytes(Path(name))
    except OSError as error:
        raise UserError(
            f"{name} cannot be read: {error.strerror}. Name a text file, or - for standard input."
        ) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}. Convert it first, "
            "as with iconv -t utf-8."
        ) from None
