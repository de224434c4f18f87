"""The dashboard in a browser, as a person uses it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.dashboard.pages import VIEWS
from harness.dashboard.site import Site
from tests.harness.dashboard.browser import kill_processes_of, launcher, ready, served, until, watched

pytestmark = pytest.mark.browser
ADDRESSES = [
    *(f"{view}?experiment=families" for view in VIEWS if view not in ("/compare", "/inside", "/playground")),
    "/compare?experiment=families&base=ngram&slices=gru",
    "/samples?experiment=families&eval=arithmetic&sample=p0",
    "/samples?experiment=families&eval=perplexity",
    "/run?run=families/rnn-top_p-s0",
]


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[[Mapping[str, str]], Any]]:
    with launcher() as launch_browser:
        yield launch_browser


@pytest.fixture(scope="module")
def browser(launch: Callable[[Mapping[str, str]], Any]) -> Iterator[Any]:
    opened = launch({})
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def address(site: Site, browser: Any) -> Iterator[str]:
    with served(site.index.results) as served_at:
        yield served_at


def journey(page: Any, address: str) -> None:
    """Filter, pin, find where A is right and B is wrong, read a transcript, reload, go back, download."""
    page.goto(f"{address}/?experiment=families")
    ready(page)
    page.select_option("#where", "family=gru")
    until(page, "document.querySelectorAll('#runs tbody tr').length == 6")
    assert parse_qs(urlsplit(page.url).query)["where"] == ["family=gru"]
    page.click("a.chip")
    until(page, "document.querySelectorAll('#runs tbody tr').length > 6")
    page.click("header a:has-text('Compare')")
    page.wait_for_selector("#base")
    page.select_option("#base", "ngram")
    until(page, "new URL(location).searchParams.get('base') == 'ngram'")
    ready(page)
    page.click("input[type=checkbox][name=pin][value=gru]")
    until(page, "document.querySelectorAll('#differences tbody tr').length == 1")
    shared, shown = page.url, page.inner_text("#main")
    page.reload()
    ready(page)
    assert page.inner_text("#main") == shown
    with page.expect_download() as started:
        page.click("#h-forest ~ .files a:has-text('csv')")
    assert Path(started.value.path()).read_text().startswith("eval,metric,decoding,model,baseline")
    page.click("header a:has-text('Samples')")
    page.wait_for_selector("#kind-a")
    page.click("#kind-a")
    until(page, "document.querySelector('#kind-a')?.getAttribute('aria-current')")
    page.go_back()
    until(page, "!document.querySelector('#kind-a').getAttribute('aria-current')")
    page.go_back()
    page.wait_for_selector("#differences")
    assert page.url == shared
    page.click("header a:has-text('Turn-taking')")
    page.wait_for_selector(".chat")
    assert page.locator(".chat li.own").count() > 0


def test_a_journey(browser: Any, address: str) -> None:
    with watched(browser, address) as page:
        journey(page, address)


def test_the_same_under_a_plain_locale(launch: Callable[[Mapping[str, str]], Any], address: str) -> None:
    plain = launch({"LANG": "C", "LC_ALL": "C", "LANGUAGE": ""})
    with watched(plain, address) as page:
        journey(page, address)
    plain.close()


@pytest.fixture(scope="module")
def playing_address(fits: Path, browser: Any) -> Iterator[str]:
    """Of real fits."""
    with served(fits) as served_at:
        yield served_at


LOOKS = [
    pytest.param((("dark", 390),), id="dark narrow"),
    pytest.param((("light", 1400), ("dark", 1400), ("light", 390)), id="the others", marks=pytest.mark.campaign),
]


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize("view", ADDRESSES)
def test_no_view_has_an_accessibility_fault_or_asks_elsewhere(
    browser: Any, address: str, view: str, looks: Sequence[tuple[str, int]]
) -> None:
    check_access(browser, address, view, looks)


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize(
    "view",
    [
        "/inside?a={transformer}&b={ngram}&text=Hello, how are you?",
        "/inside?a={gru}&b={uniform}",
        "/playground?a={gru}&b={ngram}&decoding_a=beam&decoding_b=constrained",
        "/playground?mode=chat&a={gru}&decoding_a=top_p",
        "/rate?bank=mine&rater=anna&a={gru}",
    ],
)
def test_no_page_of_a_fit_has_an_accessibility_fault(
    browser: Any, playing_address: str, run_of: dict[str, str], view: str, looks: Sequence[tuple[str, int]]
) -> None:
    check_access(browser, playing_address, view.format(**run_of), looks)


def check_access(browser: Any, address: str, view: str, looks: Sequence[tuple[str, int]]) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe-core comes with pip install axe-playwright-python")
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    elsewhere: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(address) else elsewhere.append(request.url))
    page.goto(f"{address}{view}")
    ready(page)
    page.evaluate(axe)
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        checked = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            (each["id"], [node["html"][:150] for node in each["nodes"][:3]])
            for each in checked["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{scheme} {width}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{width}: wider than the window"
    context.close()
    assert not elsewhere


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in ("/inside", "/playground", "/rate")])
def test_without_script_there_are_tables_charts_and_forms(browser: Any, address: str, view: str) -> None:
    with watched(browser, address, java_script_enabled=False) as page:
        page.goto(f"{address}{view}?experiment=families")
        assert page.locator("table").count() > 0
        if view != "/samples":
            assert page.locator("svg.chart").count() > 0
            page.fill("#q", "gru")
            page.click("form:has(#q) button")
            assert "q=gru" in page.url


def test_every_control_can_be_reached_by_keyboard(browser: Any, address: str) -> None:
    with watched(browser, address) as page:
        page.goto(f"{address}/compare?experiment=families")
        ready(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        controls = 'a[href]:not([tabindex="-1"]), button, input:not([type=hidden]), select'
        count = f"document.querySelectorAll('{controls}').length"
        for number in range(page.evaluate(count) + 20):
            page.keyboard.press("Tab")
            page.evaluate(f"document.activeElement.dataset.reached = {number}")
        reached = page.evaluate("document.querySelectorAll('[data-reached]').length")
        assert reached >= page.evaluate(count) - 1  # the skip link was passed before


def test_a_part_of_a_chart_is_chosen_with_the_mouse(browser: Any, address: str) -> None:
    with watched(browser, address) as page:
        page.goto(f"{address}/curves?experiment=families")
        ready(page)
        page.locator("svg.chart").scroll_into_view_if_needed()
        box = page.locator("svg.chart").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6, steps=4)
        page.mouse.up()
        until(page, "new URL(location).searchParams.get('x_from')")
        chosen = parse_qs(urlsplit(page.url).query)
        assert float(chosen["x_from"][0]) < float(chosen["x_to"][0])
        assert float(chosen["y_from"][0]) < float(chosen["y_to"][0])
        page.click("a.chip:has-text('Show everything')")
        until(page, "!new URL(location).searchParams.get('x_from')")


def test_a_part_of_a_chart_is_chosen_with_a_finger_and_with_the_keyboard(browser: Any, address: str) -> None:
    with watched(browser, address, has_touch=True) as page:
        page.goto(f"{address}/samples?experiment=families&eval=perplexity")
        ready(page)
        page.locator("svg.chart").scroll_into_view_if_needed()
        box = page.locator("svg.chart").bounding_box()
        fingers = page.context.new_cdp_session(page)
        for kind, share in (("touchStart", 0.3), ("touchMove", 0.4), ("touchMove", 0.7), ("touchEnd", None)):
            points = []
            if share is not None:  # a finger that begins sideways: downwards it would scroll the page
                down = 0.3 + 0.3 * (share > 0.5)
                points = [{"x": box["x"] + box["width"] * share, "y": box["y"] + box["height"] * down}]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        until(page, "new URL(location).searchParams.get('x_from')")
        ready(page)
        page.goto(f"{address}/?experiment=families")
        ready(page)
        page.focus("svg.chart[data-brush]")
        for key in ("ArrowLeft", "Enter", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
            page.keyboard.press(key)
        until(page, "new URL(location).searchParams.get('x_from')")
        chosen = parse_qs(urlsplit(page.url).query)
        assert float(chosen["x_from"][0]) < float(chosen["x_to"][0])
        until(page, "document.activeElement.id == 'chart-ladder'")  # to go on from there


def test_what_is_under_the_mouse_is_said(browser: Any, address: str) -> None:
    with watched(browser, address) as page:
        page.goto(f"{address}/?experiment=families")
        ready(page)
        page.locator("svg.chart circle.dot, svg.chart path.dot").last.hover(force=True)
        page.wait_for_selector(".tip:not([hidden])")
        assert "[" in page.inner_text(".tip")


def test_a_run_that_finishes_is_said(browser: Any, own_results: Path) -> None:
    with served(own_results) as address, watched(browser, address) as page:
        page.goto(address)
        ready(page)
        page.evaluate("document.body.dataset.poll = 0.2")
        shutil.copytree(own_results / "pair" / "gru-greedy-s0", own_results / "pair" / "gru-greedy-s7")
        until(page, "document.getElementById('said').textContent.includes('gru-greedy-s7 is new')")
        page.click("#said a")
        until(page, "document.getElementById('runs').textContent.includes('gru-greedy-s7')")


def test_a_text_is_typed_and_looked_into(browser: Any, playing_address: str, run_of: dict[str, str]) -> None:
    with watched(browser, playing_address) as page:
        page.goto(f"{playing_address}/inside?a={run_of['transformer']}&b={run_of['ngram']}")
        ready(page)
        page.fill("#text", "Hi <b>you</b>\u202e")
        page.click("form.bar button")
        until(page, "new URL(location).searchParams.get('text')?.startsWith('Hi <b>')")
        ready(page)
        assert page.locator("#tokens-a tbody tr").count() > 0
        assert page.locator("main b:text-is('you')").count() == 0
        page.click("#at-a-1")
        until(page, "new URL(location).searchParams.get('at_a') == '1'")
        ready(page)
        assert "Token 2," in page.inner_text("section[aria-labelledby=h-a]")
        page.click("#head-a-2-1")
        until(page, "document.querySelector('#head-a-2-1').getAttribute('aria-current')")
        shared, shown = page.url, page.inner_text("#main")
        page.reload()
        ready(page)
        assert (page.url, page.inner_text("#main")) == (shared, shown)
        page.go_back()
        until(page, "!document.querySelector('#head-a-2-1').getAttribute('aria-current')")


def test_what_is_typed_while_a_page_loads_itself_again_stays(browser: Any, fits: Path, run_of: dict[str, str]) -> None:
    with served(fits) as address, watched(browser, address) as page:
        page.goto(f"{address}/inside?a={run_of['gru']}")
        assert page.locator(".waiting").count() == 1  # the fit is still being loaded
        page.fill("#text", "typed")
        ready(page)
        assert page.input_value("#text") == "typed"


def test_a_page_of_a_fit_needs_no_script_to_look_inside(
    browser: Any, playing_address: str, run_of: dict[str, str]
) -> None:
    with watched(browser, playing_address, java_script_enabled=False) as page:
        page.goto(f"{playing_address}/inside?a={run_of['gru']}")
        page.fill("#text", "Hello")
        page.click("form.bar button")
        page.wait_for_selector("#candidates-a")
        assert page.locator("svg.chart").count() > 1
        page.goto(f"{playing_address}/playground?a={run_of['gru']}")
        assert "needs this page's script" in page.inner_text("noscript")


IS_DONE = "document.getElementById('stop-writing').disabled"


def test_two_fits_complete_a_prompt(browser: Any, playing_address: str, run_of: dict[str, str]) -> None:
    with watched(browser, playing_address) as page:
        page.goto(f"{playing_address}/playground?a={run_of['gru']}&b={run_of['ngram']}")
        page.select_option("#decoding_a", "top_p")
        page.wait_for_selector("#set_a_2 + input[type=range]")
        page.fill("#set_a_2", "0.5")
        assert page.input_value("#set_a_2 + input[type=range]") == "0.5"
        page.fill("#prompt", "<img src=x onerror=alert(1)>\u202e")
        page.fill("#new_tokens", "30")
        page.click("#go")
        until(page, "[...document.querySelectorAll('.says')].every((said) => said.textContent.includes('tokens in'))")
        until(page, IS_DONE)
        assert parse_qs(urlsplit(page.url).query)["set_a.transforms.top_p.p"] == ["0.5"]
        assert page.locator("main img").count() == 0
        assert page.locator(".out .mark").count() >= 2
        first = page.locator(".out").all_inner_texts()
        page.reload()
        page.click("#go")
        until(page, "[...document.querySelectorAll('.says')].every((said) => said.textContent.includes('tokens in'))")
        assert page.locator(".out").all_inner_texts() == first  # the same prompt, seed and settings
        page.click("summary:has-text('Its tokens') >> nth=0")
        assert page.locator(".tokens .tok").count() > 0


LONG = "decoding_a=best_of_n&set_a.search.num_samples=64&new_tokens=1000"
HAS_BEGUN = "document.querySelector('.out').textContent.startsWith('ROMEO')"


def test_writing_stops_by_a_button_and_when_the_page_goes(
    browser: Any, playing_address: str, run_of: dict[str, str]
) -> None:
    with watched(browser, playing_address) as page:
        page.goto(f"{playing_address}/playground?a={run_of['transformer']}&{LONG}")
        page.click("#go")
        until(page, HAS_BEGUN)
        page.click("#stop-writing")
        until(page, "document.querySelector('.says').textContent == 'Stopped.'")
        page.click("#go")
        until(page, HAS_BEGUN)
        page.goto(f"{playing_address}/playground?a={run_of['transformer']}&new_tokens=5")
        page.click("#go")  # at once: nothing that nobody waits for is still being written
        until(page, "document.querySelector('.says').textContent.includes('5 tokens in')")


def test_a_process_that_is_killed_is_told_of(browser: Any, playing_address: str, run_of: dict[str, str]) -> None:
    with watched(browser, playing_address) as page:
        page.goto(f"{playing_address}/playground?a={run_of['transformer']}&{LONG}")
        page.click("#go")
        until(page, HAS_BEGUN)
        kill_processes_of(playing_address)
        until(page, "document.querySelector('.says.warn')?.textContent.includes('was killed')")
        page.select_option("#decoding_a", "own")
        until(page, "!document.querySelector('#set_a_1')")
        page.fill("#new_tokens", "5")
        page.click("#go")
        until(page, "document.querySelector('.says').textContent.includes('5 tokens in')")


def test_a_conversation(browser: Any, playing_address: str, run_of: dict[str, str]) -> None:
    with watched(browser, playing_address) as page:
        page.goto(f"{playing_address}/playground?mode=chat&a={run_of['gru']}&b={run_of['ngram']}&new_tokens=20")
        for number, line in enumerate(("Hello <b>there</b>\u202e", "Why?"), 1):
            page.fill("#say", line)
            page.press("#say", "Enter")
            until(page, f"document.querySelectorAll('.chat li').length == {4 * number}")
            until(page, IS_DONE)
        assert page.locator(".chat b").count() == 0
        assert page.locator(".chat .right .mark").count() == 2
        page.select_option("#decoding_a", "greedy")
        until(page, "new URL(location).searchParams.get('decoding_a') == 'greedy'")
        assert page.locator(".chat li").count() == 8  # another strategy, the same conversation
        page.click("#start-over")
        assert page.locator(".chat li").count() == 0
        page.fill("#person", "Bob")
        page.fill("#say", "Hi")
        page.click("#go")
        until(page, "document.querySelector('.says.warn')?.textContent.includes('Bob')")
        assert page.input_value("#say") == "Hi"
