"""Bytes of any string and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.text.utf8 import decode_utf8, encode_utf8
from tests.harness.text.strategies import any_text


@given(text=any_text)
def test_bytes_of_any_string_come_back(text: str) -> None:
    assert decode_utf8(encode_utf8(text)) == text


@given(data=st.binary(max_size=20))
def test_any_bytes_decode_as_python_replaces_them_but_for_surrogates(data: bytes) -> None:
    decoded = decode_utf8(data)
    if not any("\ud800" <= char <= "\udfff" for char in decoded):
        assert decoded == data.decode("utf-8", errors="replace")
