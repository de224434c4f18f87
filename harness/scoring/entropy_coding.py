"""An entropy coder in whole numbers: it writes as many bytes as the probabilities promise, and loses nothing.

A range coder (Martin 1979), arithmetic coding (Rissanen 1976; Pasco 1976) that lets out a byte at a time: the text so
far is a part of the interval [0, 1), each symbol narrows it to its own share, and any number within what is left stands
for the text. Interval ends have 96 bits, so that nothing measurable is lost to rounding; a carry runs back through the
bytes that are out already.

Probabilities become whole numbers first (`frequencies`): the same ones give the same numbers, and every symbol can be
written, however unlikely it was held to be.

Shape legend: V symbols.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TOP = 1 << 96
_BOTTOM = 1 << 88
_BYTES = 12
# Most that frequencies add up to; what rounding may add to that stays below 2 ** 62.
_TOTAL = (1 << 62) - (1 << 24)

Counts = NDArray[np.int64]


def frequencies(logprobs: NDArray[np.float32]) -> Counts:
    """Probabilities (V,), given by their natural logarithms, as whole numbers in their proportion, each 1 or more.

    Returns their running totals (V + 1,), from 0. Whatever the probabilities add up to is taken for the whole, so one
    that is too generous with them gains nothing. Raises ValueError where they are none.
    """
    with np.errstate(invalid="ignore"):  # what comes of infinities is refused below
        shares = np.exp(logprobs.astype(np.float64) - np.float64(logprobs.max()))
        shares /= shares.sum()
    if not np.isfinite(shares).all():
        raise ValueError("what the model expects next has no logarithms of probabilities")
    running = np.zeros(len(shares) + 1, dtype=np.int64)
    np.cumsum((shares * _TOTAL).astype(np.int64) + 1, out=running[1:])
    return running


class Encoder:
    """Takes symbols one by one; `finish` gives the bytes."""

    def __init__(self) -> None:
        self._low, self._range = 0, _TOP
        self._out = bytearray()

    def encode(self, running: Counts, symbol: int) -> None:
        """Write a symbol that has these running totals (V + 1,), as `frequencies` gives them."""
        begin, end, total = int(running[symbol]), int(running[symbol + 1]), int(running[-1])
        step = self._range // total
        self._low += step * begin
        self._range = step * (end - begin)
        self._carry()
        while self._range < _BOTTOM:
            self._out.append(self._low >> 88)
            self._low = (self._low << 8) % _TOP
            self._range <<= 8

    def finish(self) -> bytes:
        """All bytes; no fewer would do."""
        for count in range(_BYTES + 1):
            unit = _TOP >> (8 * count)
            number = -(-self._low // unit) * unit  # the first in what is left that takes so few bytes
            if number < self._low + self._range:
                break
        self._low = number
        self._carry()
        self._out += self._low.to_bytes(_BYTES, "big")
        return bytes(self._out.rstrip(b"\0"))  # the decoder reads zeros past the end

    def _carry(self) -> None:
        if self._low < _TOP:
            return
        self._low -= _TOP
        place = len(self._out) - 1
        while self._out[place] == 255:
            self._out[place] = 0
            place -= 1
        self._out[place] += 1


class Decoder:
    """Gives the symbols again, one by one, if asked with the same frequencies as the encoder was."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = _BYTES
        self._range = _TOP
        self._offset = int.from_bytes(data[:_BYTES].ljust(_BYTES, b"\0"), "big")
        """Where the number lies in what is left of the interval."""

    def decode(self, running: Counts) -> int:
        """The next symbol, which has these running totals (V + 1,)."""
        step = self._range // int(running[-1])
        wanted = min(self._offset // step, int(running[-1]) - 1)
        symbol = int(np.searchsorted(running, wanted, side="right")) - 1
        self._offset -= step * int(running[symbol])
        self._range = step * int(running[symbol + 1] - running[symbol])
        while self._range < _BOTTOM:
            byte = self._data[self._place] if self._place < len(self._data) else 0
            self._offset = (self._offset << 8) | byte
            self._place += 1
            self._range <<= 8
        return symbol
