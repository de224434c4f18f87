"""The command line as the tests give it: each command runs in a separate process.

Loading the libraries takes seconds, so most commands are forks of one process that has loaded them. A `fresh` command
is a new Python process, for tests of when libraries are loaded, or without a library.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import ROOT

_TIMEOUT_SECONDS = 300
STARTER = multiprocessing.get_context("forkserver")
"""Starts processes as forks of the one that has the libraries loaded."""
STARTER.set_forkserver_preload(["tests.commands", "tests.loaded"])


def command(*arguments: str) -> list[str]:
    """The words that start a new Python process."""
    return [sys.executable, "-m", "harness.cli.main", *arguments]


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **extra}


def bakeoff(
    folder: Path, *arguments: str, status: int = 0, fresh: bool = False, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. folder: where to run; status: the expected exit status; extra: environment
    variables.

    A sweep or search runs in one process unless the arguments say how many: each worker loads the libraries again.
    """
    first, *others = arguments or ("",)
    is_sweep = first in ("compare", "tune") or (first == "run" and {"-m", "--multirun"} & {*others})
    if is_sweep and not any(word.startswith("sweep.workers=") for word in arguments):
        arguments = (*arguments, "sweep.workers=1")
    if fresh:
        done = subprocess.run(
            command(*arguments),
            cwd=folder,
            env=environment(**extra),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
        )
    else:
        done = Fork(folder, *arguments, **extra).done()
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done


class Fork:
    """A command in a fork of the process that has the libraries loaded; it runs from the start. `process` can be asked
    for its exit code and killed."""

    def __init__(self, folder: Path, *arguments: str, typed: bytes = b"", **extra: str) -> None:
        """typed: the content of its standard input."""
        self._arguments = arguments
        self._streams = [tempfile.NamedTemporaryFile() for _ in range(3)]  # noqa: SIM115
        self._streams[0].write(typed)
        self._streams[0].flush()
        names = [stream.name for stream in self._streams]
        self.process = STARTER.Process(target=_run, args=(folder, arguments, environment(**extra), names))
        self.process.start()

    def done(self) -> subprocess.CompletedProcess[str]:
        """Wait until it ends."""
        self.process.join(_TIMEOUT_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(" ".join(self._arguments))
        out, err = (Path(stream.name).read_text(encoding="utf-8") for stream in self._streams[1:])
        return subprocess.CompletedProcess(self._arguments, self.process.exitcode, out, err)


def _run(folder: Path, arguments: tuple[str, ...], variables: dict[str, str], streams: list[str]) -> None:
    """In the fork: do what a new Python process would do."""
    from harness.cli.main import main

    for descriptor, name in enumerate(streams):
        os.dup2(os.open(name, os.O_RDWR), descriptor)
    sys.stdin = open(0, encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:0] = [path for path in variables["PYTHONPATH"].split(os.pathsep) if path not in sys.path]
    os.chdir(folder)
    sys.argv = ["bakeoff", *arguments]
    main()


_REFUSES = """
import json
import sys
from harness.cli.main import status_of

for words in json.load(sys.stdin):
    status = status_of(words)
    if status != 2 or "torch" in sys.modules:
        sys.exit(f"{words}: status {status}, torch loaded: {'torch' in sys.modules}")
"""


def refused_without_torch(command_lines: Sequence[Sequence[str]], folder: Path) -> list[str]:
    """What is said of each command line, one line each. All must be refused before torch is loaded, in one process."""
    typed = json.dumps(command_lines)
    words = [sys.executable, "-c", _REFUSES]
    done = subprocess.run(words, cwd=folder, env=environment(), input=typed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("bakeoff: ")]
