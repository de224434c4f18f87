"""An explanation as a page: complete and safe."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from harness.completion.explaining.page import page
from harness.completion.explaining.steps import Explanation, explain
from harness.completion.sequence import Prompt
from tests.harness.completion.explaining.engines import engine, hostile_explanations


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") or (value or "").startswith("javascript") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(explanation: Explanation, title: str) -> Tags:
    tags = Tags()
    tags.feed(page(explanation, title))
    return tags


def test_nothing_to_write_makes_a_page_that_says_so() -> None:
    explanation = explain(engine(), Prompt("a", 0))
    assert explanation.steps == ()
    assert "0 tokens" in page(explanation, "title")


@pytest.mark.parametrize("explanation", hostile_explanations())
def test_hostile_text_stays_text(explanation: Explanation) -> None:
    shown = read(explanation, "<title>")
    assert not shown.names & {"script", "img"}
    assert "\x1b" not in shown.text


def test_the_page_asks_nothing_of_a_network_and_shows_prompt_and_title() -> None:
    explanation = explain(engine(), Prompt("a prompt", 3, seed=1))
    assert "http://" not in page(explanation, "the title")
    assert "https://" not in page(explanation, "the title")
    shown = read(explanation, "the title")
    assert "a prompt" in shown.text
    assert "the title" in shown.text
    assert not shown.names & {"script", "link", "img", "iframe"}
