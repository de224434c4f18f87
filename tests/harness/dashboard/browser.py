"""Headless Chromium of the system, and a served results folder, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
]


def chromium() -> str:
    """The system's Chromium; the test is skipped where it or playwright is missing."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium on the PATH: on Debian, apt-get install chromium")
    return path


_SERVERS: dict[str, int] = {}
"""By address, the process."""


@contextmanager
def served(results: Path) -> Iterator[str]:
    """Serve a results folder as a user does; gives its address."""
    words = [sys.executable, "-m", "harness.cli.main", "dashboard", str(results), "--port", "0", "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().split()[0].rstrip("/")
            _SERVERS[address] = server.pid
            yield address
        finally:
            server.terminate()


def kill_processes_of(address: str) -> None:
    """Kill what a server started, as the system does where memory runs out."""
    for task in Path(f"/proc/{_SERVERS[address]}/task").glob("*/children"):
        for child in task.read_text().split():
            os.kill(int(child), signal.SIGKILL)


@contextmanager
def launcher() -> Iterator[Callable[[Mapping[str, str]], Any]]:
    """Starts browsers, each with more environment variables."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        yield lambda more: tool.chromium.launch(executable_path=path, args=_ARGUMENTS, env={**os.environ, **more})


@contextmanager
def watched(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """A page that must ask nothing of another origin, and report no error."""
    context = browser.new_context(**options)
    context.set_default_timeout(15_000)
    page = context.new_page()
    elsewhere: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(address) else elsewhere.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    try:
        yield page
    finally:
        context.close()
    assert not elsewhere
    assert not errors


def until(page: Any, condition: str) -> None:
    """Wait until an expression is true. (`page.wait_for_function` evaluates text inside the page, which its content
    security policy forbids.)"""
    for _ in range(300):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 15 s: {condition}")


def ready(page: Any) -> None:
    """Wait until nothing is being computed."""
    until(page, "!document.querySelector('.waiting') && !document.body.classList.contains('busy')")
