"""How fast the dashboard is with many runs, in a cold headless Chromium, and how much it needs.

    python benchmarks/dashboard/speed.py [--runs 1000] [--loads 10] [--growth 10,1000,5000] [--out FILE]

Needs bakeoff[test] and a chromium on the PATH. Synthetic results (synthetic.py) are written to a temporary folder. Each
load is a new browser context with the server already up and the results read once; 95th percentiles are over the loads.
Growth: the server's own seconds for the first view with so many runs, and for a start with nothing changed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from synthetic import write_synthetic

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
_READY = "!document.querySelector('.waiting') && !document.body.classList.contains('busy') && !!document.querySelector("
_PATIENCE = 600.0


@contextmanager
def served(results: Path) -> Iterator[tuple[str, int, float]]:
    """(address, process id, seconds until it answers)."""
    words = [sys.executable, "-m", "harness.cli.main", "dashboard", str(results), "--port", "0", "--no-browser"]
    began = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().split()[0].rstrip("/")
            fetch(f"{address}/static/icon.svg")
            yield address, server.pid, time.perf_counter() - began
        finally:
            server.terminate()


def fetch(address: str) -> tuple[float, bytes]:
    """(seconds, content) of an address."""
    began = time.perf_counter()
    with urllib.request.urlopen(address) as answer:
        content: bytes = answer.read()
    return time.perf_counter() - began, content


def wait_for(address: str) -> float:
    """Seconds until a view waits for nothing any more."""
    began = time.perf_counter()
    while b"data-waits" in fetch(address)[1][:5000]:
        if time.perf_counter() - began > _PATIENCE:
            raise TimeoutError(address)
        time.sleep(0.2)
    return time.perf_counter() - began


def peak_megabytes(process: int) -> float:
    """The most memory that a process has had."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1000


def percentile(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def seconds_until(page: Any, selector: str, do: Callable[[], object]) -> float:
    """Seconds of an action until a selector is there and nothing is waited for."""
    began = time.perf_counter()
    do()
    wait_until_ready(page, selector)
    return time.perf_counter() - began


def wait_until_ready(page: Any, selector: str) -> None:
    """Wait until a selector is there and nothing is waited for."""
    began = time.perf_counter()
    while not page.evaluate(f"{_READY}{json.dumps(selector)})"):
        if time.perf_counter() - began > _PATIENCE:
            raise TimeoutError(selector)
        page.wait_for_timeout(5)  # asking without a pause would take the time that is measured


def in_browser(address: str, num_loads: int) -> dict[str, float]:
    """First view, changed filter, a pair of samples: 95th percentiles; requests and bytes of the first view."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {}
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        for _ in range(num_loads):
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            page = context.new_page()
            session = context.new_cdp_session(page)
            session.send("Network.enable")
            sizes: list[float] = []
            session.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
            ladder = "#summary tbody tr"
            found.setdefault("first view, s", []).append(seconds_until(page, ladder, lambda p=page: p.goto(address)))
            found.setdefault("requests", []).append(len(sizes))
            found.setdefault("megabytes", []).append(sum(sizes) / 1e6)
            change = lambda p=page: p.select_option("#where", "family=lstm")  # noqa: E731
            found.setdefault("changed filter, s", []).append(seconds_until(page, "a.chip", change))
            page.goto(f"{address}/samples")
            pair = lambda p=page: p.click("#kind-a")  # noqa: E731
            found.setdefault("sample pair, s", []).append(seconds_until(page, "#kind-a[aria-current]", pair))
            context.close()
        browser.close()
    return {name: round(percentile(values), 3) for name, values in found.items()}


def measured(folder: Path, num_runs: int, num_loads: int) -> dict[str, float]:
    """Everything about one number of runs."""
    write_synthetic(folder, num_runs)
    with served(folder) as (address, process, _):
        found = {"runs": num_runs, "reading for the first time, s": round(wait_for(address), 2)}
        time.sleep(11)  # the index is written at most every ten seconds
        fetch(address)
    with served(folder) as (address, process, up):
        found |= {"up, s": round(up, 2), "first view of the server after a start, s": round(wait_for(address), 3)}
        found["first view of the server, s"] = round(statistics.median(fetch(address)[0] for _ in range(5)), 3)
        cursor = json.loads(fetch(f"{address}/changes?since=0")[1])["cursor"]
        seconds, content = fetch(f"{address}/changes?since={cursor}")
        found |= {"poll, bytes": len(content), "poll, s": round(seconds, 3)}
        if num_loads:
            wait_for(f"{address}/compare")
            found |= in_browser(address, num_loads)
            for view in ("curves", "compare", "samples", "turns"):
                wait_for(f"{address}/{view}")
        found["megabytes of memory at most"] = round(peak_megabytes(process))
    return found


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--loads", type=int, default=10)
    parser.add_argument("--growth", default="10,5000", help="numbers of runs, without a browser")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    figures = []
    for number in dict.fromkeys([chosen.runs, *(int(text) for text in chosen.growth.split(",") if text)]):
        with tempfile.TemporaryDirectory() as folder:
            figures.append(measured(Path(folder) / "results", number, chosen.loads if number == chosen.runs else 0))
            print(json.dumps(figures[-1], indent=1), flush=True)
    if chosen.out:
        chosen.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
