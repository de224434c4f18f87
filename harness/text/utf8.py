"""Bytes of any Python string and back, without loss.

A Python string may hold lone surrogates, which UTF-8 can't encode. They become the three bytes that the
encoding would give (Python's `surrogatepass`), so every string has bytes, and different strings have different bytes.
"""

from __future__ import annotations

import codecs

_ERRORS = "bakeoff.surrogate_or_replacement"


def encode_utf8(text: str) -> bytes:
    """The bytes of a string; `decode_utf8` gives the same string back."""
    return text.encode("utf-8", errors="surrogatepass")


def decode_utf8(data: bytes) -> str:
    """The string of some bytes. Never raises: invalid UTF-8 becomes U+FFFD, as with Python's `replace`."""
    return data.decode("utf-8", errors=_ERRORS)


def replace_surrogates(text: str) -> str:
    """A string that UTF-8 can encode, for files: U+FFFD for each byte of a lone surrogate, as transformers decodes."""
    return text if text.isascii() else encode_utf8(text).decode("utf-8", errors="replace")


def _surrogate_or_replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeDecodeError)
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError:
        return "�", error.end


codecs.register_error(_ERRORS, _surrogate_or_replacement)
