"""How many bytes of a text each of its tokens stands for, with any tokenizer.

Where several tokens make one character, the last one counts all of its bytes, and the others none. So the sizes of a
text's tokens always add up to the text's size.
"""

from __future__ import annotations

import functools

import numpy as np

from harness.text.tokenizers.detokenizer import Detokenizer
from harness.text.tokenizers.tokenizer import Ids, Tokenizer
from harness.text.utf8 import encode_utf8


def token_sizes(tokenizer: Tokenizer, text: str, tokens: Ids) -> Ids:
    """(N,) int64: the bytes of UTF-8 that each token of a text adds. tokens: `tokenizer.encode(text)`."""
    num_bytes = len(encode_utf8(text))
    sizes = _sizes_alone(tokenizer)[tokens]
    if (sizes >= 0).all() and sizes.sum() == num_bytes:
        return sizes
    detokenizer = Detokenizer(tokenizer)
    read = 0
    sizes = np.zeros(len(tokens), dtype=np.int64)
    for index, token in enumerate(tokens.tolist()):
        before = len(detokenizer.settled)
        detokenizer.add(token)
        sizes[index] = len(encode_utf8(detokenizer.settled[before:]))
        read += int(sizes[index])
    if len(sizes):
        sizes[-1] += num_bytes - read
    return sizes


@functools.lru_cache(maxsize=2)
def _sizes_alone(tokenizer: Tokenizer) -> Ids:
    """(V,): the bytes of each token by itself; -1 where it may be part of a character."""
    texts = [tokenizer.decode([token]) for token in range(tokenizer.vocab_size)]
    return np.array([-1 if "�" in text else len(encode_utf8(text)) for text in texts], dtype=np.int64)
