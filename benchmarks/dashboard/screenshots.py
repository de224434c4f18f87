"""Pictures of the dashboard for the README, taken by headless Chromium: docs/images/*.png.

    python benchmarks/dashboard/screenshots.py RESULTS [--out docs/images]

RESULTS holds the main job's runs and fits (`bakeoff compare`).
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, sync_playwright

WIDTH, HEIGHT = 1200, 900
COLOURS = 128
TEXT = "Human: What is 12+7?\n\nAssistant: It is 19."
VIEWS = {
    "compare": "/compare?experiment=families&base=ssm",
    "inside": f"/inside?a=transformer&b=ngram&text={quote(TEXT)}",
    "turns": "/turns?experiment=families",
}
"""By file: the address; 'a' and 'b' name families, whose first runs are taken."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "harness.cli.main",
        "dashboard",
        str(options.results),
        "--port",
        "0",
        "--no-browser",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stdout is not None
        base = server.stdout.readline().split()[0].rstrip("/")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        for name, address in VIEWS.items():
            page.goto(base + _with_runs(address, options.results))
            _wait_until_whole(page)
            _write(options.out / f"{name}.png", page.screenshot())
        browser.close()
        server.terminate()


def _with_runs(address: str, results: Path) -> str:
    """The address with runs in place of families' names."""
    for side in ("a", "b"):
        before, found, after = address.partition(f"{side}=")
        if found and before[-1] in "?&":
            family, _, rest = after.partition("&")
            [run, *_] = sorted(results.glob(f"families/{family}-top_p-s0-*"))
            address = f"{before}{side}={quote(f'families/{run.name}')}&{rest}"
    return address


def _wait_until_whole(page: Page) -> None:
    """Wait until the page no longer loads itself again."""
    page.wait_for_function("() => !document.body.dataset.waits", timeout=300_000)
    page.wait_for_load_state("networkidle")


def _write(path: Path, png: bytes) -> None:
    """Few colours are enough, and a third of the size."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS)
    image.save(path, optimize=True)


if __name__ == "__main__":
    main()
