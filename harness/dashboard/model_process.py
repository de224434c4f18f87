"""The server's end of a process that holds fits. Needs no torch: the server never imports it.

A process that died, or was killed because memory ran out, is told of, and the next request starts another one.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from harness.common.errors import UserError

_POLL = 0.05
_SECONDS_TO_STOP = 1.0
"""In which a request that is stopped must end; else the process does."""
_MOST_ANSWERS = 16
SIDES = ("a", "b")


class ModelProcess:
    """One process, started with the first request. It answers one request at a time; others wait for their turn."""

    def __init__(self, results: Path) -> None:
        self._results = results
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._number = 0

    def answers(
        self, request: Mapping[str, Any], is_stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[dict[str, Any]]:
        """What the process answers. is_stopped: asked again and again; once it is true, the request is given up.
        UserError where the process refuses it, or ends."""
        while not self._turn.acquire(timeout=_POLL):
            if is_stopped():
                return
        try:
            yield from self._asked(request, is_stopped)
        finally:
            self._turn.release()

    def _asked(self, request: Mapping[str, Any], is_stopped: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        self._number += 1
        ended = False
        try:
            connection = self._open()
            connection.send_bytes(json.dumps({**request, "number": self._number}).encode())
            while True:
                while not connection.poll(_POLL):
                    if is_stopped():
                        return
                answer = json.loads(connection.recv_bytes())
                if answer["number"] != self._number:
                    continue  # of a request that was stopped
                if "end" in answer:
                    ended = True
                    return
                if "error" in answer:
                    raise UserError(answer["error"])
                yield answer
        except (EOFError, OSError) as error:
            ended = True
            raise UserError(self._why_it_ended()) from error
        finally:
            if not ended:
                self._stop()

    def _open(self) -> Connection:
        if self._process is not None and self._process.poll() is None and self._connection is not None:
            return self._connection
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            words = [sys.executable, "-m", "harness.dashboard.fits.process", str(number), str(self._results)]
            self._process = subprocess.Popen(words, pass_fds=[number])
        self._connection = Connection(ours.detach())
        return self._connection

    def _stop(self) -> None:
        """End the request that is being answered; where it takes too long, the process."""
        connection, until = self._connection, time.monotonic() + _SECONDS_TO_STOP
        assert connection is not None
        with contextlib.suppress(EOFError, OSError):
            connection.send_bytes(json.dumps({"give_up": self._number}).encode())
            while (left := until - time.monotonic()) > 0:
                if connection.poll(left) and "end" in json.loads(connection.recv_bytes()):
                    return
        self.close()

    def _why_it_ended(self) -> str:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_STOP)
        status = self._process.returncode
        self.close()
        how = f"ended with status {status}; the terminal of `bakeoff dashboard` says why"
        if status is not None and status < 0:
            how = f"was ended by signal {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            how = "was killed (SIGKILL), as the system does where memory runs out"
        return f"the process that held this model {how}. The next request starts another one: ask again, or for less."

    def close(self) -> None:
        """End the process, if there is one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None


class Models:
    """A process for each of the two sides of a page, and what they answered last."""

    def __init__(self, results: Path) -> None:
        self.processes = {side: ModelProcess(results) for side in SIDES}
        self._pool = ThreadPoolExecutor(len(SIDES), "models")
        self._answers: OrderedDict[str, Future[dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, side: str, request: Mapping[str, Any], wait: float) -> dict[str, Any] | None:
        """The one answer to a request; None where it takes longer than `wait` seconds: ask again. UserError as in
        `ModelProcess.answers`."""
        key = json.dumps([side, request], sort_keys=True)
        with self._lock:
            future = self._answers.get(key)
            if future is None:
                future = self._answers[key] = self._pool.submit(self._first, side, request)
            self._answers.move_to_end(key)
            while len(self._answers) > _MOST_ANSWERS:
                self._answers.popitem(last=False)
        try:
            return future.result(wait)
        except TimeoutError:
            return None
        except UserError:
            with self._lock:
                self._answers.pop(key, None)  # what failed may go well the next time
            raise

    def begin(self, side: str, request: Mapping[str, Any]) -> None:
        """Begin to answer a request, for which `ask` waits later."""
        with contextlib.suppress(UserError):  # told then
            self.ask(side, request, 0.0)

    def warm_up(self, side: str, run: str) -> None:
        """Begin to load a run's fit, so that it is there when it is asked for."""
        self.begin(side, {"task": "load", "run": run})

    def _first(self, side: str, request: Mapping[str, Any]) -> dict[str, Any]:
        [answer] = self.processes[side].answers(request)
        return answer

    def close(self) -> None:
        """End both processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self.processes.values():
            process.close()
