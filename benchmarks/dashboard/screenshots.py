"""Pictures of every view of the dashboard, light and dark, wide and narrow; or the three that the docs show.

    python benchmarks/dashboard/screenshots.py RESULTS FOLDER [--experiment families] [--views curves,compare]
    python benchmarks/dashboard/screenshots.py RESULTS docs/pictures --docs

Needs bakeoff[test] and a chromium on the PATH. RESULTS: a results folder with a finished experiment, as `bakeoff
compare` leaves it; Inside and Playground need its fits. A picture is VIEW-SCHEME-WIDTH.png, of the whole page.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.runs.index import Index

sys.path.insert(0, str(Path(__file__).resolve().parent))
from speed import CHROMIUM_ARGUMENTS, served, wait_for, wait_until_ready

SCHEMES, WIDTHS = ("light", "dark"), (1400, 390)
TEXT = "HAMLET:\nTo be, or not to be, that is the question"
DOCS = {
    "ladder": ("overview", "section[aria-labelledby=h-ladder] figure"),
    "compare": ("compare-pinned", "section[aria-labelledby=h-forest] figure"),
    "inside": ("inside", "section[aria-labelledby=h-a]"),
}
"""By name: the view, and the part of it that is shown."""
_PINNED = ("ngram", "mlp", "lstm", "linear_attention", "transformer", "gru", "rnn", "mingru")
_HEIGHT, _WIDTH_IN_DOCS, _MOST_HEIGHT_IN_DOCS, _MARGIN_IN_DOCS = 900, 640, 590, 10
_PATIENCE_MS = 60_000


def addresses(results: Path, experiment: str) -> dict[str, str]:
    """By view its address, with runs of two families of the experiment."""
    index = Index(results)
    index.refresh(at_once=True)
    entries = [entry for entry in index.entries() if entry.experiment == experiment and entry.status == "complete"]
    if not entries:
        raise SystemExit(f"there is no finished run of {experiment!r} in {results}. Name another one by --experiment.")
    runs = {entry.family: entry.id for entry in entries}
    a = quote(runs.get("transformer", entries[0].id))
    b = quote(runs.get("ngram", entries[-1].id))
    of = f"?experiment={quote(experiment)}"
    return {
        "overview": f"/{of}",
        "overview-groups": f"/{of}&group=seed&where=decoding%3D{quote(entries[0].decoding)}",
        "curves": f"/curves{of}",
        "curves-seconds": f"/curves{of}&x=seconds&scale=linear",
        "curves-parameters": f"/curves{of}&x=parameters",
        "compare": f"/compare{of}",
        "compare-pinned": f"/compare{of}" + "".join(f"&pin={name}" for name in _PINNED if name in runs),
        "compare-slices": f"/compare{of}&base=ngram&pin=transformer&slices=transformer",
        "samples": f"/samples{of}&eval=arithmetic",
        "samples-scatter": f"/samples{of}&eval=perplexity",
        "turns": f"/turns{of}",
        "inside": f"/inside{of}&a={a}&b={b}&text={quote(TEXT)}",
        "playground": f"/playground{of}&a={a}&b={b}&decoding_a=top_p",
        "playground-chat": f"/playground{of}&mode=chat&a={a}",
        "run": f"/run?run={a}",
        "gone": f"/compare{of}&base=gone",
    }


def opened(page: Any, address: str) -> None:
    """Open a view and wait until nothing is being computed. Its script asks for news for ever, so that the network is
    never idle."""
    page.goto(address, wait_until="load", timeout=_PATIENCE_MS)
    page.wait_for_selector("main h1, main h2", timeout=_PATIENCE_MS)
    wait_until_ready(page, "main")


def whole_pages(browser: Any, address: str, views: dict[str, str], folder: Path) -> None:
    """A picture of each view in each scheme and width."""
    context = browser.new_context()
    page = context.new_page()
    for name, view in views.items():
        opened(page, address + view)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": _HEIGHT})
                page.wait_for_timeout(200)  # a table's first column was seen blank right after the size had changed
                path = folder / f"{name}-{scheme}-{width}.png"
                page.screenshot(path=path, full_page=True, timeout=_PATIENCE_MS)
                print(path, flush=True)
    context.close()


def pictures_of_docs(browser: Any, address: str, views: dict[str, str], folder: Path) -> None:
    """The parts of views that the docs show."""
    context = browser.new_context(viewport={"width": _WIDTH_IN_DOCS, "height": _HEIGHT}, color_scheme="light")
    page = context.new_page()
    for name, (view, selector) in DOCS.items():
        opened(page, address + views[view])
        box = page.locator(selector).bounding_box()
        clip = {
            "x": box["x"] - _MARGIN_IN_DOCS,
            "y": box["y"] - _MARGIN_IN_DOCS,
            "width": box["width"] + 2 * _MARGIN_IN_DOCS,
            "height": min(box["height"], _MOST_HEIGHT_IN_DOCS) + 2 * _MARGIN_IN_DOCS,
        }
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True, clip=clip, timeout=_PATIENCE_MS)
        print(path, f"{path.stat().st_size / 1000:.0f} kB", flush=True)
    context.close()


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--experiment", default="families")
    parser.add_argument("--views", default="", help="some views' names, with commas; all by default")
    parser.add_argument("--docs", action="store_true", help="only the pictures of the docs")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    views = addresses(chosen.results, chosen.experiment)
    names = chosen.views.split(",") if chosen.views else list(views)
    from playwright.sync_api import sync_playwright

    with served(chosen.results) as (address, _, _), sync_playwright() as tool:
        wait_for(f"{address}{views['compare']}")
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        if chosen.docs:
            pictures_of_docs(browser, address, views, chosen.folder)
        else:
            whole_pages(browser, address, {name: views[name] for name in names}, chosen.folder)
        browser.close()


if __name__ == "__main__":
    main()
