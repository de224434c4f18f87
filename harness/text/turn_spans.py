"""Where a speaker's turns stand in a transcript, in characters and in tokens.

A turn counts with what hands over: the end text, or in a format without one the separator and the other's label. So a
model that learns these tokens, and no others, learns to speak as the speaker and to stop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.text.tokenizers.token_sizes import token_sizes
from harness.text.tokenizers.tokenizer import Ids, Tokenizer
from harness.text.transcript_format import TranscriptFormat
from harness.text.utf8 import encode_utf8

Spans = list[tuple[int, int]]
"""(begin, end) of parts of a text, in characters."""


def turn_spans(form: TranscriptFormat, text: str, speaker: str) -> Spans:
    """The speaker's turns in a transcript, each without its label and with what hands over to another speaker; the last
    turn hands over only in a format with an end text. None where the text isn't exactly what `render` would write."""
    transcript = form.parse(text)
    if form.render(transcript) != text:
        return []
    spans, begin = [], 0
    for number, turn in enumerate(transcript.turns):
        said = begin + len(form.label(turn.speaker))
        end = said + len(form.body(turn))
        begin = end + len(form.end + form.between)
        if turn.speaker != speaker:
            continue
        others = [other.speaker for other in transcript.turns[number + 1 : number + 2] if other.speaker != speaker]
        handed_over = form.end or "".join(form.between + form.label(other) for other in others)
        spans.append((said, end + len(handed_over)))
    return spans


def token_mask(tokenizer: Tokenizer, text: str, tokens: Ids, spans: Spans) -> NDArray[np.bool_]:
    """(N,): which tokens of a text begin in one of the spans, by their first byte. tokens: `tokenizer.encode(text)`."""
    sizes = token_sizes(tokenizer, text, tokens)
    begins = np.cumsum(sizes) - sizes
    is_in = np.zeros(len(tokens), dtype=bool)
    for begin, end in spans:
        first, last = (len(encode_utf8(text[:place])) for place in (begin, end))
        is_in |= (begins >= first) & (begins < last)
    return is_in
