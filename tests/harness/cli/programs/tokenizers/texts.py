"""Awkward texts, and whether a program's tokenizer agrees with ours on one."""

from __future__ import annotations

import functools
from typing import Any

from harness.cli.exporting import _tokenizer_part
from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer

TRAINED_ON = 5 * (
    "To be, or not to be: that's the question.\n\n  12 + 34 = 46, 1234; naïve café, “quoted”, 東京 and 東西.\n"
    "We'll see what they've got; I'm sure it's 99% right...\t\tend\r\n"
)
TEXTS = [
    "",
    "To be",
    TRAINED_ON,
    "  two  spaces \n\n\tand lines \r\n x\n ",
    "unseen: ~ÿ€𝄞日本語 \x00\x1f\x1c\x85\u200d\u2028\xa0\u3000x",
    "1234567, 1.5e10 ½²Ⅳ一二 x1y2",
    "I'll we're they'd it's 'tis ''s 'S don't'll",
    "a\u0301e\u0301 ñ_under_score __ $5.00 <|im_end|>",
    "    indented\n\n\n    twice",
    "\ud800 alone",
]


@functools.cache
def ours(kind: str, **options: Any) -> Tokenizer:
    settings = {
        "char": CharTokenizerSettings,
        "byte": ByteTokenizerSettings,
        "bpe": functools.partial(BpeTokenizerSettings, vocab_size=340),
    }
    return settings[kind](**options).train([Document("a", TRAINED_ON, "plays", "a")])


def check_tokenizer(kind: str, made: Any, text: str, **options: Any) -> None:
    tokenizer = ours(kind, **options)
    part, described = _tokenizer_part(tokenizer)
    assert part.stem == kind
    theirs = made(described)
    ids = tokenizer.encode(text).tolist()
    assert theirs.encode(text) == ids
    for end in range(0, len(ids) + 1, 3):  # characters cut in two as well
        decoded = theirs.decode(ids[:end])
        assert decoded.rstrip("\ufffd") == tokenizer.decode(ids[:end]).rstrip("\ufffd") or "\ud800" in text
