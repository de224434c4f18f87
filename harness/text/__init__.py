"""Texts, tokenizers and data sets, for authors of plugins: `from harness.text import DataSource, ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.common.face import face

if TYPE_CHECKING:
    from harness.text.data.corpus import Corpus as Corpus
    from harness.text.data.corpus import DataSource as DataSource
    from harness.text.data.corpus import Document as Document
    from harness.text.data.splitting import split_by_hash as split_by_hash
    from harness.text.tokenizers.labels import SpeakerTokens as SpeakerTokens
    from harness.text.tokenizers.tokenizer import Ids as Ids
    from harness.text.tokenizers.tokenizer import OutsideAlphabet as OutsideAlphabet
    from harness.text.tokenizers.tokenizer import Tokenizer as Tokenizer
    from harness.text.tokenizers.tokenizer import TokenizerSettings as TokenizerSettings
    from harness.text.transcript import Transcript as Transcript
    from harness.text.transcript import Turn as Turn
    from harness.text.transcript_format import TranscriptFormat as TranscriptFormat
    from harness.text.utf8 import decode_utf8 as decode_utf8
    from harness.text.utf8 import encode_utf8 as encode_utf8

__all__, __getattr__ = face(
    __name__,
    {
        "harness.text.data.corpus": ["Corpus", "DataSource", "Document"],
        "harness.text.data.splitting": ["split_by_hash"],
        "harness.text.tokenizers.tokenizer": ["Ids", "OutsideAlphabet", "Tokenizer", "TokenizerSettings"],
        "harness.text.tokenizers.labels": ["SpeakerTokens"],
        "harness.text.transcript": ["Transcript", "Turn"],
        "harness.text.transcript_format": ["TranscriptFormat"],
        "harness.text.utf8": ["decode_utf8", "encode_utf8"],
    },
)
