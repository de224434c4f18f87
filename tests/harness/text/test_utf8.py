"""Bytes of any string and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tokenizers.decoders import ByteLevel

from harness.text.tokenizers.token_bytes import spelling_of_bytes
from harness.text.utf8 import decode_utf8, encode_utf8, replace_surrogates
from tests.harness.text.strategies import any_text


@given(text=any_text)
def test_bytes_of_any_string_come_back(text: str) -> None:
    assert decode_utf8(encode_utf8(text)) == text


@given(data=st.binary(max_size=20))
def test_any_bytes_decode_as_python_replaces_them_but_for_surrogates(data: bytes) -> None:
    decoded = decode_utf8(data)
    if not any("\ud800" <= char <= "\udfff" for char in decoded):
        assert decoded == data.decode("utf-8", errors="replace")


def test_a_file_gets_replacement_characters_for_a_lone_surrogate() -> None:
    """As the library of transformers' tokenizers decodes those bytes."""
    library, spelling = ByteLevel(), spelling_of_bytes()
    for text in ("\ud800", "a\udfffb", "né 🙂", "plain"):
        assert replace_surrogates(text) == library.decode([spelling[byte] for byte in encode_utf8(text)])
