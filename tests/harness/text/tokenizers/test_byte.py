"""Bytes as tokens, against Python's own UTF-8."""

from __future__ import annotations

from harness.text.tokenizers.byte import ByteTokenizer

TOKENIZER = ByteTokenizer(["Human:", "Assistant:"])


def test_ids_are_the_bytes_then_the_start_token_then_the_labels() -> None:
    assert TOKENIZER.encode("aé\n🙂").tolist() == list("aé\n🙂".encode())
    assert (TOKENIZER.start_token, dict(TOKENIZER.label_tokens)) == (256, {"Human:": 257, "Assistant:": 258})
    assert TOKENIZER.encode("Human: hi").tolist() == [257, *b" hi"]
    assert TOKENIZER.vocab_size == 259
    assert ByteTokenizer().vocab_size == 257


def test_bytes_that_make_no_character_are_replaced_as_python_does_it() -> None:
    for data in (b"\xc3(", b"a\xf0\x9f\x99", b"\xff\xfe", b"\xe2\x28\xa1"):
        expected = data.decode("utf-8", errors="replace")
        assert TOKENIZER.decode(list(data)) == expected
        assert TOKENIZER.decode([257, *data, 256]) == f"Human:{expected}"


def test_a_byte_that_is_no_character_by_itself_is_shown_by_its_number() -> None:
    assert [TOKENIZER.token_text(token) for token in (0x61, 0x7F, 0x80, 0xFF, 256, 257)] == [
        "a",
        "\x7f",
        "<0x80>",
        "<0xFF>",
        "<start>",
        "Human:",
    ]
