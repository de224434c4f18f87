"""tokenizer=byte: a token for each of the 256 bytes of UTF-8, one for the start, and one for each label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.text.data.corpus import Document
from harness.text.tokenizers.labels import LabelTokens, SpeakerTokens, labels_from_json
from harness.text.tokenizers.tokenizer import Ids, Tokenizer, canonical_json
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from harness.text.utf8 import decode_utf8, encode_utf8

_NUM_BYTES = 256


class ByteTokenizer(Tokenizer):
    """Ids 0 to 255 are the bytes, 256 is the start token, labels follow."""

    def __init__(self, labels: Sequence[str] = (), form: TranscriptFormat = HUMAN_ASSISTANT) -> None:
        """`labels`: speaker labels that are one token each, where `form` has labels."""
        self.start_token = _NUM_BYTES
        self._labels = LabelTokens(labels, form, first_id=_NUM_BYTES + 1)
        self.label_tokens = self._labels.ids
        self.vocab_size = _NUM_BYTES + 1 + len(labels)
        names = [bytes([i]) for i in range(_NUM_BYTES)] + [b""] + [encode_utf8(label) for label in labels]
        self._bytes = np.array(names, dtype=object)

    def encode(self, text: str) -> Ids:
        parts = [
            np.array([part], dtype=np.int64)
            if isinstance(part, int)
            else np.frombuffer(encode_utf8(part), dtype=np.uint8).astype(np.int64)
            for part in self._labels.split(text)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        ids = np.asarray(tokens, dtype=np.int64)
        if (ids < _NUM_BYTES).all():
            return decode_utf8(ids.astype(np.uint8).tobytes())
        return decode_utf8(b"".join(self._bytes[ids]))

    def token_text(self, token: int) -> str:
        return f"<0x{token:02X}>" if 0x80 <= token < _NUM_BYTES else super().token_text(token)

    def token_bytes(self, token: int) -> bytes:
        data: bytes = self._bytes[token]
        return data

    def to_json(self) -> str:
        return canonical_json({"kind": "byte", **self._labels.to_json()})


@dataclass(frozen=True)
class ByteTokenizerSettings(SpeakerTokens):
    """tokenizer=byte: bytes as tokens; nothing is learnt."""

    @property
    def least_vocab_size(self) -> int:
        return _NUM_BYTES + 1 + len(self.active_labels)

    def train(self, documents: Sequence[Document]) -> ByteTokenizer:
        return ByteTokenizer(self.active_labels, self.format)

    @classmethod
    def read(cls, content: str) -> ByteTokenizer:
        return ByteTokenizer(*labels_from_json(json.loads(content)))
