"""Bytes as tokens, under a name of the plugin's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.text.data.corpus import Document
from harness.text.tokenizers.byte import ByteTokenizer
from harness.text.tokenizers.tokenizer import Tokenizer, TokenizerSettings


class Octets(ByteTokenizer):
    """What tokenizer.json of a fit calls 'octets' is read back by this class."""

    kind: ClassVar[str] = "octets"


@dataclass(frozen=True)
class OctetsSettings(TokenizerSettings):
    """There is nothing to choose."""

    def train(self, documents: Sequence[Document]) -> Tokenizer:
        return Octets(())
