"""Texts that are difficult for tokenizers and transcripts."""

from __future__ import annotations

from hypothesis import strategies as st

# Any code point, lone surrogates too.
any_character = st.characters(exclude_categories=())
any_text = st.text(any_character, max_size=40)

_PIECES = [
    *("Human:", "Assistant:", "Human", "Assistant", "HAMLET:", "First Lord:", ":", "\\", "\\\\"),
    *("\n", "\n\n", "\n\n\n", " ", "\r\n", "\t", "a", "é", "漢字", "😀", "\ud83d", "\ude00", "12+7=19"),
    *("<|endoftext|>", "[UNK]", "<start>", "<s>", "</s>", "Ġ", "\x00", "\ufeff"),
]
tricky_text = st.lists(st.one_of(st.sampled_from(_PIECES), any_text), max_size=12).map("".join)
