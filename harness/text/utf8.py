"""Bytes of any Python string and back, without loss.

A Python string may hold lone surrogates, for which UTF-8 has no bytes. They are written as the three bytes that they
would have (Python's `surrogatepass`), so that every string has bytes and no two strings have the same ones.
"""

from __future__ import annotations

import codecs

_ERRORS = "bakeoff.surrogate_or_replacement"


def encode_utf8(text: str) -> bytes:
    """The bytes of a string; `decode_utf8` gives the same string back."""
    return text.encode("utf-8", errors="surrogatepass")


def decode_utf8(data: bytes) -> str:
    """The string of some bytes. Never raises: what isn't UTF-8 becomes U+FFFD, as Python's `replace` does it."""
    return data.decode("utf-8", errors=_ERRORS)


def _surrogate_or_replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeDecodeError)
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError:
        return "�", error.end


codecs.register_error(_ERRORS, _surrogate_or_replacement)
