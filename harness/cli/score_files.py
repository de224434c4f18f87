"""How likely a fitted model finds the user's own texts: what `bakeoff score` shows."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.scoring.answers import BITS_PER_NAT
from harness.scoring.likelihood import document_logprobs, nats
from harness.text.tokenizers.tokenizer import encode_whole
from harness.text.utf8 import encode_utf8
from harness.training.fits import Fit


def score_texts(fit: Fit, texts: Sequence[tuple[str, str]], per_token: bool = False) -> dict[str, Any]:
    """Totals of each text, scored whole as one document, and of all together; plain values.

    texts: each with the name of its file.

    {'files': [{file, num_bytes, num_chars, num_tokens, nats, bits_per_byte, byte_perplexity, token_perplexity}],
    'total': the same}; with per_token each file has 'tokens': [{text, logprob}]. An empty text has no bits per byte:
    None; so are all numbers of nats where the model gives a text no probability, and the logprob of such a token.
    UserError where the model gives no probabilities at all.
    """
    if fit.model.why_no_distribution is not None:
        raise UserError(
            f"this run can't score text: its {fit.model.why_no_distribution}. Score with a run of another model."
        )
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
        sum(one[name] for one in rows) for name in ("num_bytes", "num_chars", "num_tokens")
    )
    total = row(
        "total", num_bytes, num_chars, num_tokens, sum(math.inf if one["nats"] is None else one["nats"] for one in rows)
    )
    return {"files": rows, "total": total}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def row(name: str, num_bytes: int, num_chars: int, num_tokens: int, total_nats: float) -> dict[str, Any]:
    """What is told of one text; what isn't finite is None."""
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
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
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
