"""Ctrl-C and SIGTERM end the program within two seconds, with status 130 and 143, whatever it is doing.

The first signal raises an exception, so that the program can clean up. That may not be enough: compiled code sees no
exception until it returns, and some libraries catch or replace it. So a thread waits one second, and then ends the
process. Nothing finished is lost: files are written whole or not at all, and the wandb process ends with its input.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from harness.common import torchrun

_SECONDS_TO_END = 1.0
_SHOW_CURSOR = "\x1b[?25h"  # progress bars hide the cursor


class Terminated(BaseException):
    """Raised by SIGTERM."""


_MESSAGES = {
    signal.SIGINT: "interrupted. Nothing finished is lost; run the same command to continue.",
    signal.SIGTERM: "terminated. Nothing finished is lost; run the same command to continue.",
}


def ending_on_signals(do: Callable[[], int], handles_interrupts: bool) -> int:
    """Call `do` and return its status. A signal before it returns ends the process. Call it only in the main thread.

    handles_interrupts: whether `do` handles Ctrl-C itself, and may continue after it.
    """
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        if not received:  # after the first signal the program is already ending
            received.append(number)
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    watched = [signal.SIGTERM] if handles_interrupts else [signal.SIGTERM, signal.SIGINT]
    _watch(watched)
    for number in watched:
        signal.signal(number, stop)
    status = 0
    try:
        status = do()
    except KeyboardInterrupt:
        received.append(signal.SIGINT)
    except BaseException:  # a library may have replaced the exception
        if not received:
            raise
    if not received:
        return status
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    _end(received[0])


def _watch(numbers: list[signal.Signals]) -> None:
    """Start a thread that ends the process shortly after one of these signals."""
    arriving, written_by_python = socket.socketpair()
    written_by_python.setblocking(False)
    signal.set_wakeup_fd(written_by_python.detach(), warn_on_full_buffer=False)

    def wait_and_end() -> None:
        while (number := arriving.recv(1)[0]) not in numbers:
            pass
        time.sleep(_SECONDS_TO_END)
        _end(number)

    threading.Thread(target=wait_and_end, daemon=True).start()


def _end(number: int) -> NoReturn:
    """Tell the user, even if sys.stderr was replaced, and end the process at once. A normal exit could take seconds and
    waits for threads."""
    shown = _SHOW_CURSOR if os.isatty(2) else ""
    is_said = torchrun.local_rank() == 0  # of several processes on a machine one says it
    with contextlib.suppress(OSError):
        os.write(2, is_said * f"{shown}\nbakeoff: {_MESSAGES[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)


def open_closed_streams() -> None:
    """Connect standard streams that were closed when the process began to /dev/null.

    Otherwise the next opened file would get their number, and libraries would print into it. Printing to standard
    output stays an error, since nobody would see it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
