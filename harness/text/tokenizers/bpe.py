"""tokenizer=bpe: byte-level byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2), by the `tokenizers`
library.

The library trains and encodes. This module stores only the merges, so a tokenizer.json doesn't depend on the library's
format. The library gets no special tokens: text that looks like one is ordinary text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.common.options import check_most
from harness.text.data.corpus import Document
from harness.text.tokenizers.labels import LabelTokens, SpeakerTokens, labels_from_json
from harness.text.tokenizers.token_bytes import NUM_BYTES, SURROGATES, BytesTokenizer, spelling_of_bytes
from harness.text.tokenizers.tokenizer import Ids, canonical_json
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from harness.text.utf8 import encode_utf8

if TYPE_CHECKING:
    import tokenizers

# The library's training time grows with the square of a word's length, so long words are split for training.
_LONG_WORD = re.compile(r"(\w{1000}|\s{1000}|[^\w\s]{1000})")


MOST_TOKENS = 1 << 20
"""Several times what the largest vocabularies have. The library reserves memory for every token that is asked for, and
ends the process where it gets none."""


class BpeTokenizer(BytesTokenizer):
    """Ids in this order: the 256 bytes, the merges as they were learnt, the start token, the labels."""

    def __init__(
        self,
        merges: Sequence[tuple[str, str]],
        split_digits: bool,
        labels: Sequence[str] = (),
        form: TranscriptFormat = HUMAN_ASSISTANT,
    ) -> None:
        """`merges`: pairs of tokens in GPT-2's spelling of bytes. `labels`: speaker labels that are one token each,
        where `form` has labels."""
        spelling = spelling_of_bytes()
        vocab = {char: i for i, char in enumerate(sorted(spelling))}
        for left, right in merges:
            if left not in vocab or right not in vocab:
                raise ValueError(f"the merge {left!r} {right!r} names a token that no earlier merge made")
            vocab.setdefault(left + right, len(vocab))
        self._merges = [(left, right) for left, right in merges]
        self._split_digits = split_digits
        self.start_token = len(vocab)
        self._labels = LabelTokens(labels, form, first_id=len(vocab) + 1)
        self.label_tokens = self._labels.ids
        self.vocab_size = len(vocab) + 1 + len(labels)
        byte_of = {char: i for i, char in enumerate(spelling)}
        names = [bytes(byte_of[char] for char in token) for token in vocab]
        self._bytes = np.array([*names, b"", *map(encode_utf8, labels)], dtype=object)
        self._id_of_byte = np.array([vocab[char] for char in spelling], dtype=np.int64)
        self._encoder = _library_tokenizer(vocab, self._merges, split_digits)

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        return self._encode_parts(self._labels.split(text) for text in texts)

    def to_json(self) -> str:
        content = {
            "kind": "bpe",
            **self._labels.to_json(),
            "merges": self._merges,
            "split_digits": self._split_digits,
        }
        return canonical_json(content)


def _library_tokenizer(
    vocab: dict[str, int], merges: list[tuple[str, str]], split_digits: bool
) -> tokenizers.Tokenizer:
    from tokenizers import Tokenizer as LibraryTokenizer
    from tokenizers import models, pre_tokenizers

    tokenizer = LibraryTokenizer(models.BPE(vocab=vocab, merges=merges))
    digits = [pre_tokenizers.Digits(individual_digits=True)] if split_digits else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer


@dataclass(frozen=True)
class BpeTokenizerSettings(SpeakerTokens):
    """tokenizer=bpe: frequent stretches of bytes as tokens."""

    vocab_size: int = 1024
    """Tokens in all: the 256 bytes, the start token, the labels (when on) and the merges; at most 1,048,576. A
    small text may give fewer."""
    split_digits: bool = True
    """Whether each digit is one token, so that a number has the same tokens everywhere."""

    @property
    def least_vocab_size(self) -> int:
        return NUM_BYTES + 1 + len(self.active_labels)

    def __post_init__(self) -> None:
        super().__post_init__()
        least = self.least_vocab_size
        if self.vocab_size < least:
            raise ValueError(
                f"vocab_size={self.vocab_size} is too small: bpe needs at least {least} (256 bytes, the start token "
                f"and {len(self.active_labels)} speaker labels), and more to have any merges. tokenizer=byte needs no "
                "merges."
            )
        check_most(self, vocab_size=MOST_TOKENS)

    def train(self, documents: Sequence[Document]) -> BpeTokenizer:
        from tokenizers import pre_tokenizers, trainers

        labels = LabelTokens(self.active_labels, self.format, first_id=0)
        learner = _library_tokenizer({}, [], self.split_digits)
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size - 1 - len(self.active_labels),
            # A pair that occurs only once saves nothing.
            min_frequency=2,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=[],
            show_progress=False,
        )
        learner.train_from_iterator(_stretches(documents, labels), trainer)
        model = json.loads(learner.to_str())["model"]
        trained = BpeTokenizer(
            [(left, right) for left, right in model["merges"]], self.split_digits, self.active_labels, self.format
        )
        assert trained.start_token == len(model["vocab"]), "the library's vocabulary is its bytes and its merges"
        return trained

    @classmethod
    def read(cls, content: str) -> BpeTokenizer:
        described = json.loads(content)
        merges = [(left, right) for left, right in described["merges"]]
        return BpeTokenizer(merges, described["split_digits"], *labels_from_json(described))


def _stretches(documents: Sequence[Document], labels: LabelTokens) -> Iterator[str]:
    """The training text: plain text between labels, without lone surrogates, with long words split."""
    for document in documents:
        for stretch in labels.plain_stretches(document.text):
            yield from _LONG_WORD.split(SURROGATES.sub("", stretch))
