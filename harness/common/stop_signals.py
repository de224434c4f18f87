"""Ctrl-C and SIGTERM, held back until work has come to a place where it can stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Which signals have arrived in a block of `held_back`."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._received: tuple[int, FrameType | None] | None = None

    @property
    def are_received(self) -> bool:
        """Whether one has arrived."""
        return self._received is not None

    def stop(self, before: Callable[[], None]) -> None:
        """Call `before`, then the handler of the signal that arrived, which raises; of SIGTERM, where none has."""
        number, frame = self._received or (signal.SIGTERM, None)
        before()
        self._handlers[number](number, frame)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received = self._received or (number, frame)


@contextlib.contextmanager
def held_back() -> Iterator[StopSignals]:
    """Hold the signals back in this block; `stop` lets them through. Only signals with a handler in Python are
    held back, and only in the main thread: others have no handler to change."""
    signals = StopSignals()
    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            handler = signal.getsignal(number)
            if callable(handler):
                signals._handlers[number] = handler
                signal.signal(number, signals._receive)
    try:
        yield signals
    finally:
        for held, own_handler in signals._handlers.items():
            signal.signal(held, own_handler)
