"""Checks a likelihood by actually compressing the text with the model's probabilities and decompressing it again.

The entropy coder writes each token with the probabilities that the model gave before it. To decode, another copy of the
model must give the same probabilities, bit for bit, at every step. So both go step by step, one row at a time, through
the same operations, on one thread (several threads sum in different orders). A model that looks ahead, or remembers
what it encoded, fails: there is nothing ahead to look at while decoding.

A file holds the number of tokens, then the code. Documents follow each other with the start token between them, as in
training, and each is read from a fresh state.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from harness.scoring.answers import Compressed
from harness.scoring.entropy_coding import Counts, Decoder, Encoder, frequencies
from harness.scoring.likelihood import document_logprobs, likelihood, nats
from harness.text.tokenizers.tokenizer import Ids, Tokenizer, encode_whole
from models.language_model import LanguageModel, State
from models.neural_model import TorchModel

OnDone = Callable[[int], None]


def prove(
    model: LanguageModel, tokenizer: Tokenizer, texts: Sequence[str], on_done: OnDone = lambda count: None
) -> Compressed:
    """Encode texts, one or more, and decode them again with a fresh copy of the model.

    `on_done(count)` is called with the number of tokens just encoded or decoded; in all, twice the number of tokens.
    """
    documents = [encode_whole(tokenizer, text) for text in texts]
    stream = _stream(documents, tokenizer.start_token)
    logprobs = document_logprobs(model, np.split(stream, np.cumsum([len(document) + 1 for document in documents[:-1]])))
    scored = likelihood(model, sum(map(nats, logprobs)), len(stream))
    decoder_bytes = model.cost().model_bytes + len(tokenizer.to_json().encode())
    if scored.nats is None:
        on_done(2 * len(stream))
        return Compressed(None, None, None, len(stream), decoder_bytes, scored.reason)
    file = compress(model, documents, on_done)
    decoded = decompress(fresh_copy(model), file, on_done)
    restored = list(map(tokenizer.decode, decoded)) == list(texts)
    return Compressed(len(file), restored, scored.nats, len(stream), decoder_bytes)


def _stream(documents: Sequence[Ids], start_token: int) -> Ids:
    """Documents one after another, the start token between them."""
    return np.concatenate([np.append(document, start_token) for document in documents])[:-1].astype(np.int64)


def compress(model: LanguageModel, documents: Sequence[Ids], on_done: OnDone = lambda count: None) -> bytes:
    """Documents, one or more, as a file. None of them may contain the start token."""
    tokens = _stream(documents, model.start_token).tolist()
    encoder = Encoder()
    with _one_thread():
        walk = _Walk(model)
        for token in tokens:
            encoder.encode(walk.expected(), token)
            walk.step(token)
            on_done(1)
    return _number_to_bytes(len(tokens)) + encoder.finish()


def decompress(model: LanguageModel, file: bytes, on_done: OnDone = lambda count: None) -> list[Ids]:
    """The documents in a file that `compress` wrote with the same model."""
    num_tokens, rest = _number_from_bytes(file)
    decoder = Decoder(rest)
    documents: list[list[int]] = [[]]
    with _one_thread():
        walk = _Walk(model)
        for _ in range(num_tokens):
            token = decoder.decode(walk.expected())
            walk.step(token)
            if token == model.start_token:
                documents.append([])
            else:
                documents[-1].append(token)
            on_done(1)
    return [np.array(document, dtype=np.int64) for document in documents]


def fresh_copy(model: LanguageModel) -> LanguageModel:
    """The model, saved and loaded again: the same weights, and no memory of what the model has read."""
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        model.save(Path(folder))
        copy = model.config.build(model.vocab_size, model.start_token).load(Path(folder))
    return copy.on(model.device) if isinstance(model, TorchModel) else copy


class _Walk:
    """Reads documents a token at a time, the same way for encoding and decoding."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._state: State = model.start()

    def expected(self) -> Counts:
        """Running totals of the frequencies of the next token."""
        return frequencies(self._state.logprobs[0].cpu().numpy())

    def step(self, token: int) -> None:
        if token == self._model.start_token:
            self._state = self._model.start()
        else:
            _, self._state = self._model.read(self._state, torch.tensor([[token]]))


@contextmanager
def _one_thread() -> Iterator[None]:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


def _number_to_bytes(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth bit says that more bytes follow (LEB128)."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def _number_from_bytes(data: bytes) -> tuple[int, bytes]:
    """The number at the beginning of data, and the rest."""
    size = next(index for index, byte in enumerate(data) if byte < 128) + 1
    return sum((byte & 127) << (7 * index) for index, byte in enumerate(data[:size])), data[size:]
