"""Tokens that stand for bytes: their spelling, and text that the library can't take."""

from __future__ import annotations

from tokenizers import pre_tokenizers

from harness.text.tokenizers.bpe import BpeTokenizer
from harness.text.tokenizers.token_bytes import spelling_of_bytes

# "Ã©" is GPT-2's spelling of the two bytes of é.
TOKENIZER = BpeTokenizer([("Ã", "©"), ("a", "Ã©")], split_digits=False)


def test_each_byte_is_spelled_as_the_library_spells_it() -> None:
    spelling = spelling_of_bytes()
    library = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    # these characters have every byte that occurs in UTF-8
    text = "".join(map(chr, [*range(0x800), 0x800, *range(0x1000, 0xD000, 0x1000), 0xE000, 0xF000]))
    text += "".join(map(chr, [0x10000, 0x40000, 0x80000, 0xC0000, 0x100000]))
    [(spelled, _)] = library.pre_tokenize_str(text)
    assert "".join(spelling[byte] for byte in text.encode()) == spelled
    assert sorted(spelling) == sorted(library.alphabet())


def test_lone_surrogates_are_written_byte_by_byte_between_what_the_library_cuts() -> None:
    ids = TOKENIZER.encode("aé\ud800é")
    assert [TOKENIZER.token_text(token) for token in ids.tolist()] == ["aé", "<0xED>", "<0xA0>", "<0x80>", "é"]
    assert TOKENIZER.decode(ids) == "aé\ud800é"


def test_a_character_whose_bytes_are_in_several_tokens_is_whole_again() -> None:
    first, second = TOKENIZER.encode("è").tolist()
    assert TOKENIZER.decode([first, second]) == "è"
    assert (TOKENIZER.token_text(first), TOKENIZER.decode([first])) == ("<0xC3>", "\ufffd")
