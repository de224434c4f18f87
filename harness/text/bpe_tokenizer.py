"""tokenizer=bpe: byte-level byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2), by the `tokenizers`
library.

The library trains and cuts; this module keeps only the merges, so that a tokenizer.json does not depend on the
library's own format. The library knows of no special token at all: text that looks like one is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from harness.text.corpus import Document
from harness.text.tokenizer import Ids, LabelTokens, Tokenizer, TokenizerSettings, canonical_json, check_labels
from harness.text.utf8 import decode_utf8, encode_utf8

if TYPE_CHECKING:
    import tokenizers

_NUM_BYTES = 256
# The library takes UTF-8 only: lone surrogates are written byte by byte, from the 256 tokens that every vocabulary has.
_SURROGATES = re.compile("([\ud800-\udfff]+)")
# The library learns in time that grows with the square of a word's length: longer ones are learnt from in pieces.
_LONG_WORD = re.compile(r"(\w{1000}|\s{1000}|[^\w\s]{1000})")


class BpeTokenizer(Tokenizer):
    """The 256 bytes, then the merges in the order learnt, then the start token and the labels."""

    kind: ClassVar[str] = "bpe"

    def __init__(self, merges: Sequence[tuple[str, str]], split_digits: bool, labels: Sequence[str] = ()) -> None:
        """`merges`: pairs of tokens in GPT-2's spelling of bytes. `labels`: speaker labels that are one token each."""
        spelling = _spelling_of_bytes()
        vocab = {char: i for i, char in enumerate(sorted(spelling))}
        for left, right in merges:
            if left not in vocab or right not in vocab:
                raise ValueError(f"the merge {left!r} {right!r} names a token that no earlier merge made")
            vocab.setdefault(left + right, len(vocab))
        self._merges = [(left, right) for left, right in merges]
        self._split_digits = split_digits
        self.start_token = len(vocab)
        self._labels = LabelTokens(labels, first_id=len(vocab) + 1)
        self.label_tokens = self._labels.ids
        self.vocab_size = len(vocab) + 1 + len(labels)
        byte_of = {char: i for i, char in enumerate(spelling)}
        names = [bytes(byte_of[char] for char in token) for token in vocab]
        self._bytes = np.array([*names, b"", *map(encode_utf8, labels)], dtype=object)
        self._id_of_byte = np.array([vocab[char] for char in spelling], dtype=np.int64)
        self._encoder = _library_tokenizer(vocab, self._merges, split_digits)

    def encode(self, text: str) -> Ids:
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        parts: list[tuple[int, Ids | None]] = []  # (text, its next ids; None where the library still has to say)
        stretches: list[str] = []
        for i, text in enumerate(texts):
            for part in self._labels.split(text):
                if isinstance(part, int):
                    parts.append((i, np.array([part], dtype=np.int64)))
                    continue
                for stretch in _SURROGATES.split(part) if not part.isascii() else [part]:
                    if stretch and "\ud800" <= stretch[0] <= "\udfff":
                        data = np.frombuffer(encode_utf8(stretch), dtype=np.uint8)
                        parts.append((i, self._id_of_byte[data]))
                    elif stretch:
                        parts.append((i, None))
                        stretches.append(stretch)
        encoded = iter(self._encoder.encode_batch_fast(stretches, add_special_tokens=False))
        out: list[list[Ids]] = [[np.empty(0, dtype=np.int64)] for _ in texts]
        for i, ids in parts:
            out[i].append(np.array(next(encoded).ids, dtype=np.int64) if ids is None else ids)
        return [np.concatenate(pieces) for pieces in out]

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        return decode_utf8(b"".join(self._bytes[np.asarray(tokens, dtype=np.int64)]))

    def token_text(self, token: int) -> str:
        data: bytes = self._bytes[token]
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return "".join(f"<0x{byte:02X}>" for byte in data)
        return super().token_text(token)

    def to_json(self) -> str:
        content = {
            "kind": self.kind,
            "labels": list(self.label_tokens),
            "merges": self._merges,
            "split_digits": self._split_digits,
        }
        return canonical_json(content)

    @classmethod
    def from_json(cls, content: str) -> Self:
        described = json.loads(content)
        merges = [(left, right) for left, right in described["merges"]]
        return cls(merges, described["split_digits"], described["labels"])


def _spelling_of_bytes() -> list[str]:
    """GPT-2's printable character for each byte: itself where that is printable, else the next ones from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)}
    spare = iter(range(_NUM_BYTES, 2 * _NUM_BYTES))
    return [chr(byte if byte in printable else next(spare)) for byte in range(_NUM_BYTES)]


def _library_tokenizer(
    vocab: dict[str, int], merges: list[tuple[str, str]], split_digits: bool
) -> tokenizers.Tokenizer:
    from tokenizers import Tokenizer as LibraryTokenizer
    from tokenizers import models, pre_tokenizers

    made = LibraryTokenizer(models.BPE(vocab=vocab, merges=merges))
    cut = [pre_tokenizers.Digits(individual_digits=True)] if split_digits else []
    made.pre_tokenizer = pre_tokenizers.Sequence([*cut, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return made


@dataclass(frozen=True)
class BpeTokenizerSettings(TokenizerSettings):
    """tokenizer=bpe: frequent stretches of bytes as tokens."""

    vocab_size: int = 1024
    """Tokens in all: the 256 bytes, the start token, the labels (when on) and the merges. A text may be too small for
    so many."""
    split_digits: bool = True
    """Whether each digit is a token of its own, so that numbers are spelt alike wherever they stand."""
    speaker_tokens: bool = False
    """Whether a speaker's label at the start of a turn is one token of its own."""
    labels: list[str] = field(default_factory=lambda: ["Human:", "Assistant:"])
    """The labels that `speaker_tokens` makes tokens."""

    def __post_init__(self) -> None:
        check_labels(self.labels)
        least = _NUM_BYTES + 1 + len(self._active_labels)
        if self.vocab_size < least:
            raise ValueError(
                f"vocab_size={self.vocab_size} is too small: bpe needs at least {least} (256 bytes, the start token "
                f"and {len(self._active_labels)} speaker labels), and more to have any merges. tokenizer=byte has none."
            )

    @property
    def _active_labels(self) -> list[str]:
        return self.labels if self.speaker_tokens else []

    def train(self, documents: Sequence[Document]) -> BpeTokenizer:
        from tokenizers import pre_tokenizers, trainers

        labels = LabelTokens(self._active_labels, first_id=0)
        learner = _library_tokenizer({}, [], self.split_digits)
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size - 1 - len(self._active_labels),
            # A pair that occurs once in all of the text saves nothing.
            min_frequency=2,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=[],
            show_progress=False,
        )
        learner.train_from_iterator(_stretches(documents, labels), trainer)
        model = json.loads(learner.to_str())["model"]
        trained = BpeTokenizer(
            [(left, right) for left, right in model["merges"]], self.split_digits, self._active_labels
        )
        assert trained.start_token == len(model["vocab"]), "the library's vocabulary is its bytes and its merges"
        return trained


def _stretches(documents: Sequence[Document], labels: LabelTokens) -> Iterator[str]:
    """What the merges are learnt from: the plain text between labels, without lone surrogates, long words in pieces."""
    for document in documents:
        for stretch in labels.plain_stretches(document.text):
            yield from _LONG_WORD.split(_SURROGATES.sub("", stretch))
