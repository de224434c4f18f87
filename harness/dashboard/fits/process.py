"""A process that holds fits, looks into them and lets them write.

python -m harness.dashboard.fits.process FILE_NUMBER RESULTS

Requests and answers are JSON objects over a socket that is open as that file. A request has a number and a task; its
answers have the number, and the last one has "end". {"give_up": number} ends a request early. The process ends with its
server.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from harness.common.errors import UserError, one_line
from harness.dashboard.fits.held import Held
from harness.dashboard.fits.look import look
from harness.dashboard.fits.pairs import write_pairs
from harness.dashboard.fits.write import chat, complete

log = logging.getLogger("bakeoff")

Answers = Iterator[Mapping[str, Any]]
TASKS: Mapping[str, Callable[[Held, Mapping[str, Any]], Answers]] = {
    "load": lambda held, request: held.warm_up(str(request["run"])),
    "look": look,
    "complete": complete,
    "chat": chat,
    "pairs": write_pairs,
}


class Requests:
    """What the server asks, read beside the work, so that a request can be stopped while it is answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        self._stopped = -1
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Mapping[str, Any]:
        """The next request, once there is one."""
        return self._waiting.get()

    def is_stopped(self, number: int) -> bool:
        """Whether a request needs no more answers."""
        return number <= self._stopped

    def _read(self) -> None:
        while True:
            try:
                message = json.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                os._exit(0)  # the server is gone, and nobody waits for an answer
            if "give_up" in message:
                self._stopped = int(message["give_up"])
            else:
                self._waiting.put(message)


def serve(connection: Connection, results: Path) -> None:
    """Answer requests until the other end closes."""
    held, requests = Held(results), Requests(connection)
    while True:
        answer(connection, held, requests, requests.next())


def answer(connection: Connection, held: Held, requests: Requests, request: Mapping[str, Any]) -> None:
    """Answer one request. Whatever goes wrong is an answer too."""
    number = int(request["number"])

    def send(content: Mapping[str, Any]) -> None:
        connection.send_bytes(json.dumps({**content, "number": number}).encode())

    try:
        for part in TASKS[request["task"]](held, request):
            if requests.is_stopped(number):
                break
            send(part)
    except UserError as error:
        send({"error": str(error)})
    except MemoryError:
        send({"error": "there was not enough memory for this. Ask for less, or for a smaller model."})
    except Exception as error:
        log.exception("a request to look into a model, or to let it write, failed")
        send({"error": f"this failed ({one_line(error)}); the terminal of `bakeoff dashboard` says more."})
    send({"end": True})


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the server, with which this process ends
    serve(Connection(int(sys.argv[1])), Path(sys.argv[2]))
