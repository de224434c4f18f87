"""An entropy coder in integers: lossless, and as short as the probabilities allow.

A range coder (Martin 1979), that is arithmetic coding (Rissanen 1976; Pasco 1976) with output a byte at a time. The
text so far is an interval within [0, 1), each symbol narrows it to that symbol's share, and any number in the final
interval encodes the text. The ends of the interval have 96 bits, so rounding costs nothing measurable; a carry runs
back through the bytes already written.

Probabilities become integers first (`frequencies`): equal probabilities give equal integers, and every symbol can be
written, however improbable.

Shape legend: V symbols.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TOP = 1 << 96
_BOTTOM = 1 << 88
_BYTES = 12
# The sum of the frequencies is at most this, plus rounding: below 2 ** 62.
_TOTAL = (1 << 62) - (1 << 24)

Counts = NDArray[np.int64]


def frequencies(logprobs: NDArray[np.float32]) -> Counts:
    """Probabilities (V,), given as natural logarithms, as integers of 1 or more in the same proportions.

    Returns their running totals (V + 1,), from 0. Probabilities are divided by their sum, so a model whose
    probabilities add up to more than one gains nothing. Raises ValueError where they aren't numbers.
    """
    with np.errstate(invalid="ignore"):  # infinities are refused below
        shares = np.exp(logprobs.astype(np.float64) - np.float64(logprobs.max()))
        shares /= shares.sum()
    if not np.isfinite(shares).all():
        raise ValueError("the model's scores of the next token are no logarithms of probabilities")
    running = np.zeros(len(shares) + 1, dtype=np.int64)
    np.cumsum((shares * _TOTAL).astype(np.int64) + 1, out=running[1:])
    return running


class Encoder:
    """Takes symbols one by one; `finish` gives the bytes."""

    def __init__(self) -> None:
        self._low, self._range = 0, _TOP
        self._bytes = bytearray()

    def encode(self, running: Counts, symbol: int) -> None:
        """Write a symbol. running: the running totals (V + 1,) that `frequencies` gives."""
        begin, end, total = int(running[symbol]), int(running[symbol + 1]), int(running[-1])
        step = self._range // total
        self._low += step * begin
        self._range = step * (end - begin)
        self._carry()
        while self._range < _BOTTOM:
            self._bytes.append(self._low >> 88)
            self._low = (self._low << 8) % _TOP
            self._range <<= 8

    def finish(self) -> bytes:
        """All bytes, as few as possible."""
        for count in range(_BYTES + 1):
            unit = _TOP >> (8 * count)
            number = -(-self._low // unit) * unit  # the first in the interval that takes so few bytes
            if number < self._low + self._range:
                break
        self._low = number
        self._carry()
        self._bytes += self._low.to_bytes(_BYTES, "big")
        return bytes(self._bytes.rstrip(b"\0"))  # the decoder reads zeros past the end

    def _carry(self) -> None:
        if self._low < _TOP:
            return
        self._low -= _TOP
        last = len(self._bytes) - 1
        while self._bytes[last] == 255:
            self._bytes[last] = 0
            last -= 1
        self._bytes[last] += 1


class Decoder:
    """Gives the symbols back, one by one, given the same frequencies as the encoder."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = _BYTES
        self._range = _TOP
        self._offset = int.from_bytes(data[:_BYTES].ljust(_BYTES, b"\0"), "big")
        """The number's distance from the low end of the interval."""

    def decode(self, running: Counts) -> int:
        """The next symbol. running: the running totals (V + 1,) that `frequencies` gives."""
        step = self._range // int(running[-1])
        target = min(self._offset // step, int(running[-1]) - 1)
        symbol = int(np.searchsorted(running, target, side="right")) - 1
        self._offset -= step * int(running[symbol])
        self._range = step * int(running[symbol + 1] - running[symbol])
        while self._range < _BOTTOM:
            byte = self._data[self._position] if self._position < len(self._data) else 0
            self._offset = (self._offset << 8) | byte
            self._position += 1
            self._range <<= 8
        return symbol
