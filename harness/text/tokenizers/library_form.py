"""Our tokenizers in the form of the `tokenizers` library: the tokenizer.json that transformers' AutoTokenizer reads.

Bytes and byte pairs are the library's byte-level BPE. So are characters, without merges: a text becomes its bytes, the
bytes of each character of the alphabet become one symbol, and each byte that is left becomes two digits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.text.tokenizers.char import NUM_DIGITS
from harness.text.tokenizers.hf import steps_of
from harness.text.tokenizers.token_bytes import spelling_of_bytes
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.text.utf8 import encode_utf8

if TYPE_CHECKING:
    import tokenizers

START = "<|start|>"
"""The name of the start token where it has none of its own."""
_FIRST_PRIVATE = 0xF0000
"""Characters of private use stand for digits and for the alphabet: no text has them once it is bytes."""


def library_form(tokenizer: Tokenizer) -> tuple[dict[str, Any], str]:
    """(the content of tokenizer.json, the name of the start token).

    `encode` there is ours after the start token, with which it begins; and where a text has the start token's name,
    that is one token there. UserError where the library can't express the tokenizer.
    """
    content = json.loads(tokenizer.to_json())
    if tokenizer.label_tokens:
        raise UserError(
            "a tokenizer with speaker_tokens=true can't be written for transformers: there a label is a token wherever "
            "it occurs, and here only where a turn begins. Use tokenizer.speaker_tokens=false."
        )
    if tokenizer.is_closed:
        raise UserError(
            "a tokenizer with tokenizer.fallback=false can't be written for transformers: there a character without a "
            "token would be left out, and here it is refused. Use tokenizer.fallback=true."
        )
    forms = {"byte": _bytes_form, "bpe": _bytes_form, "char": _char_form}
    if content["kind"] == "hf":
        described = content["description"]
        described["decoder"] = {
            "type": "Sequence",
            "decoders": [step for step in steps_of(described["decoder"]) if step["type"] != "Strip"],
        }
        named = {token["id"]: token["content"] for token in described["added_tokens"]}
        vocab = described["model"]["vocab"]
        pieces = {token: piece for piece, token in vocab.items()} if isinstance(vocab, dict) else {}
        start = (pieces | named)[content["start_token"]]
    elif content["kind"] in forms:
        from tokenizers import AddedToken

        built = forms[content["kind"]](content)
        start = START
        built.add_special_tokens([AddedToken(START, special=True, normalized=False)])
        described = json.loads(built.to_str())
    else:
        raise UserError(
            f"{type(tokenizer).__name__} can't be written for transformers: only tokenizer=char, byte, bpe and hf can."
        )
    return described | {"post_processor": _opened_by(start, tokenizer.start_token)}, start


def _opened_by(start: str, token: int) -> Mapping[str, Any]:
    """The step that puts the start token before a text."""
    opening = {"SpecialToken": {"id": start, "type_id": 0}}
    text, second = ({"Sequence": {"id": name, "type_id": number}} for number, name in enumerate("AB"))
    return {
        "type": "TemplateProcessing",
        "single": [opening, text],
        "pair": [opening, text, second],
        "special_tokens": {start: {"id": start, "ids": [token], "tokens": [start]}},
    }


def _bytes_form(content: Mapping[str, Any]) -> tokenizers.Tokenizer:
    """Byte-level BPE; tokenizer=byte has no merges, and its ids are the bytes themselves."""
    from tokenizers import Tokenizer as LibraryTokenizer
    from tokenizers import decoders, models, pre_tokenizers

    spelling = spelling_of_bytes()
    merges = [(left, right) for left, right in content.get("merges", ())]
    vocab = {char: token for token, char in enumerate(spelling if content["kind"] == "byte" else sorted(spelling))}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    built = LibraryTokenizer(models.BPE(vocab=vocab, merges=merges))
    digits = [pre_tokenizers.Digits(individual_digits=True)] if content.get("split_digits") else []
    steps = [*digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    built.pre_tokenizer = pre_tokenizers.Sequence(steps)
    built.decoder = decoders.ByteLevel()
    return built


def _char_form(content: Mapping[str, Any]) -> tokenizers.Tokenizer:
    from tokenizers import Regex, decoders, models, normalizers
    from tokenizers import Tokenizer as LibraryTokenizer

    spelling = spelling_of_bytes()
    digits = [chr(_FIRST_PRIVATE + digit) for digit in range(NUM_DIGITS)]
    of_byte = {char: digits[byte >> 4] + digits[byte & 0xF] for byte, char in enumerate(spelling)}
    of_char = {
        "".join(spelling[byte] for byte in encode_utf8(chr(point))): chr(_FIRST_PRIVATE + NUM_DIGITS + number)
        for number, point in enumerate(content["code_points"])
    }
    built = LibraryTokenizer(
        models.BPE({START: 0, **{c: 1 + i for i, c in enumerate([*digits, *of_char.values()])}}, [])
    )
    replaced = [normalizers.Replace(spelt, symbol) for spelt, symbol in [*of_char.items(), *of_byte.items()]]
    built.normalizer = normalizers.Sequence([normalizers.ByteLevel(), *replaced])
    # A byte begins where digits begin, or an even number of digits after that, or after the byte that was found before.
    digit = f"[{digits[0]}-{digits[-1]}]"
    begins = rf"(?:(?<!{digit})|\G)(?:{digit}{{2}})*?\K"
    from_chars = [decoders.Replace(symbol, spelt) for spelt, symbol in of_char.items()]
    from_digits = [decoders.Replace(Regex(begins + pair), char) for char, pair in of_byte.items()]
    steps = [decoders.Fuse(), *from_chars, *from_digits, decoders.ByteLevel()]
    built.decoder = decoders.Sequence(steps)
    return built
