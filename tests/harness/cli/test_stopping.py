"""Signals end the program at once with their own status, whatever it is doing; closed streams do no harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Programs that an exception may not end. Each prints 'ready' first, and never ends by itself.
STUBBORN = {
    "a library that swallows it": """
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
    """,
    "a callback, whose exceptions Python ignores": """
        class Late:
            def __del__(self):
                time.sleep(60)
        while True:
            Late()
    """,
    "compiled code that doesn't return": "hashlib.pbkdf2_hmac('sha256', b'a', b'b', 2**31 - 1)",
    "a thread that is waited for at the end": """
        threading.Thread(target=time.sleep, args=(60,)).start()
        time.sleep(60)
    """,
    "a library that makes another exception of it": """
        try:
            time.sleep(60)
        except BaseException:
            raise ValueError("wrong input")
    """,
    "a library that makes a status of it": """
        try:
            time.sleep(60)
        except BaseException:
            return 2
    """,
    "nothing": "time.sleep(60)",
}
PROGRAM = """
import hashlib, sys, threading, time
from harness.cli.stopping import ending_on_signals

def do():
    print("ready", flush=True)
BODY

sys.exit(ending_on_signals(do, handles_interrupts=HANDLES))
"""


def program(body: str, handles_interrupts: bool = False) -> subprocess.Popen[str]:
    indented = "\n".join(f"    {line.removeprefix('        ')}" for line in body.strip("\n").splitlines())
    code = PROGRAM.replace("BODY", indented).replace("HANDLES", str(handles_interrupts))
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    time.sleep(0.1)
    return started


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("body", STUBBORN.values(), ids=STUBBORN)
def test_a_signal_ends_the_program_with_its_status(body: str, number: signal.Signals, status: int) -> None:
    running = program(body)
    began = time.monotonic()
    running.send_signal(number)
    said = running.communicate(timeout=30)[1]
    assert running.returncode == status
    assert time.monotonic() - began < 2
    assert "run the same command to continue" in said
    assert "Traceback" not in said or "Exception ignored" in said


def test_a_program_that_goes_on_after_ctrl_c_is_not_ended_by_it() -> None:
    body = """
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(1.5)
            return 7
    """
    running = program(body, handles_interrupts=True)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 7


def test_without_a_signal_the_status_and_the_exception_are_the_program_s_own() -> None:
    assert program("return 5").wait(timeout=30) == 5
    failing = program("raise ValueError('ours')")
    assert "ValueError: ours" in failing.communicate(timeout=30)[1]
    assert failing.returncode == 1


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_no_file_takes_the_number_of_a_closed_stream(tmp_path: Path, closed: str) -> None:
    code = (
        "import os, sys; from harness.cli.stopping import open_closed_streams; open_closed_streams(); "
        f"file = open({str(tmp_path / 'file')!r}, 'wb'); os.write(2, b'said'); "
        "sys.stderr.write('said'); file.write(b'kept'); sys.stdin.read(); sys.exit(file.fileno() < 3)"
    )
    words = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0
    assert (tmp_path / "file").read_bytes() == b"kept"


RUN = ("run", "data=chatterbot", "tracking=none", "evals=[perplexity]")


def bakeoff(folder: Path, *words: str, redirected: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["sh", "-c", f'exec "$0" -m harness.cli.main "$@" {redirected}', sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("until", ["importing", "fitting"])
def test_a_run_ends_at_once_and_the_same_command_goes_on(
    tmp_path: Path, until: str, number: signal.Signals, status: int
) -> None:
    running = bakeoff(tmp_path, *RUN, "model=lstm", "budget.tokens=100_000_000")
    if until == "importing":
        mapped = Path(f"/proc/{running.pid}/maps")  # by then our handlers have long been installed
        while "numpy" not in mapped.read_text():
            time.sleep(0.01)
    else:
        while not any("fitting" in log.read_text() for log in tmp_path.glob("results/*/*/log.txt")):
            time.sleep(0.05)
    began = time.monotonic()
    running.send_signal(number)
    assert running.wait(timeout=30) == status
    assert time.monotonic() - began < 2
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"])
def test_what_can_t_be_printed_is_an_error(tmp_path: Path, redirected: str) -> None:
    words = ["sh", "-c", f'exec "$0" -m harness.cli.main list formats {redirected}', sys.executable]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("bakeoff: the system refused to write")
    assert ("Standard output is closed" in done.stderr) == (redirected == ">&-")
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(("redirected", "status"), [("2>&-", 0), ("0<&- 1>&- 2>&-", 1)])
def test_a_run_with_closed_streams_is_complete(tmp_path: Path, redirected: str, status: int) -> None:
    words = (*RUN, "model=bigram", "evals.perplexity.max_documents=3")
    assert bakeoff(tmp_path, *words, redirected=redirected).wait(timeout=300) == status
    [record] = tmp_path.glob("results/*/*/run.json")
    assert json.loads(record.read_text())["status"] == "complete"
