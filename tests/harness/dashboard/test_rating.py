"""A person rates in a browser: blind, once for each question, and into the bank of `bakeoff rate`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from harness.common.results_folder import ResultsFolder
from harness.dashboard.rating import MOST_BYTES
from harness.dashboard.server import app
from harness.ratings.bank import Bank
from tests.harness.dashboard.reading import Reader
from tests.harness.ratings.made import rating

ORIGIN = {"origin": "http://127.0.0.1:8765"}
HERE = {"bank": "mine", "rater": "anna"}


@pytest.fixture
def bank(own_results: Path) -> Bank:
    """Twelve pairs that another rater rated."""
    bank = Bank(ResultsFolder(own_results).bank("mine"))
    for number in range(12):
        bank.add(rating(f"yes {number}", f"<b>no</b> {number}", rater="bert", writers=("writer-one", "writer-two")))
    return bank


@pytest.fixture
def opened(own_results: Path, bank: Bank) -> Iterator[TestClient]:
    with TestClient(app(own_results), base_url="http://127.0.0.1:8765", follow_redirects=False) as client:
        yield client


def page(client: TestClient, **choices: str) -> str:
    return client.get("/rate", params={**HERE, **choices}).text


def token(text: str) -> str:
    [found] = re.findall(r'name="question" value="([^"]+)"', text)
    return str(found)


def send(client: TestClient, answer: str, question: str, **other: str) -> Response:
    return client.post("/rate", data={**HERE, "answer": answer, "question": question, **other}, headers=ORIGIN)


def of_anna(bank: Bank) -> list[str]:
    return [each.choice for each in bank.ratings() if each.rater == "anna"]


def test_without_choices_it_lists_the_banks(opened: TestClient) -> None:
    text = opened.get("/rate").text
    assert 'Banks made by people: <a href="/rate?bank=mine">' in text
    assert "Banks made by programs" not in text
    assert 'id="answer"' not in text


def test_a_question_is_blind_and_its_text_is_only_shown(opened: TestClient) -> None:
    text = page(opened)
    assert "Question 1" in text
    assert "yes 0" in text
    assert "<b>no</b>" not in text
    assert "&lt;b&gt;no&lt;/b&gt; 0" in text
    assert "writer-" not in text


def test_an_answer_is_in_the_bank_and_the_next_question_comes(opened: TestClient, bank: Bank) -> None:
    first = page(opened)
    shown = [re.sub(r"<[^>]+>", "", part).strip() for part in re.findall(r'aria-label="Reply .".*?</div>', first, re.S)]
    done = send(opened, "a", token(first))
    assert (done.status_code, done.headers["location"]) == (303, "/rate?bank=mine&rater=anna")
    [mine] = [each for each in bank.ratings() if each.rater == "anna"]
    assert mine.p in (0.0, 1.0)
    assert mine.seconds is not None
    better = mine.pair.a if mine.choice == "a" else mine.pair.b
    assert better.text in unescape(shown[0])
    assert "Question 2" in page(opened)
    for answer in ("b", "t", "s"):
        send(opened, answer, token(page(opened)))
    assert of_anna(bank)[2:] == ["tie", "skip"]


def test_a_page_that_is_sent_twice_adds_nothing(opened: TestClient, bank: Bank) -> None:
    first = token(page(opened))
    assert [send(opened, "a", first).status_code for _ in range(2)] == [303, 303]
    assert len(of_anna(bank)) == 1
    page(opened)
    assert send(opened, "a", first).status_code == 303
    assert len(of_anna(bank)) == 1


def test_an_answer_is_taken_back(opened: TestClient, bank: Bank) -> None:
    assert "take the last answer back" not in page(opened)
    first = page(opened)
    send(opened, "a", token(first))
    second = page(opened)
    send(opened, "u", token(second))
    again = page(opened)
    assert "Question 1" in again
    assert token(again).rpartition("-")[0] == token(first).rpartition("-")[0]
    assert of_anna(bank) == ["skip"]


def test_all_are_asked_with_a_repeat_and_then_it_says_so(opened: TestClient, bank: Bank) -> None:
    for _ in range(13):
        send(opened, "a", token(page(opened)))
    text = page(opened)
    assert "There are no other pairs in this bank" in text
    assert "You gave 13 answers" in text
    assert [each.is_repeat for each in bank.ratings() if each.rater == "anna"].count(True) == 1
    assert "same answer when asked again" in text


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"bank": "../x"}, "can&#39;t name a bank of ratings"),
        ({"bank": "new"}, "There is no bank"),
        ({"rater": "simulated"}, "Simulated is a program"),
        ({"a": "nobody/x"}, "There is no run"),
    ],
)
def test_what_can_not_be_is_said(opened: TestClient, choices: dict[str, str], words: str) -> None:
    answer = opened.get("/rate", params={**HERE, **choices})
    assert answer.status_code == 404
    assert words in answer.text


def test_other_answers_and_other_pages_are_refused(opened: TestClient, bank: Bank) -> None:
    question = token(page(opened))
    assert send(opened, "x", question).status_code == 400
    assert send(opened, "u", question).status_code == 400  # there is none
    assert send(opened, "a", question, bank="../x").status_code == 400
    assert send(opened, "a", question, more="x" * MOST_BYTES).status_code == 400
    data = {**HERE, "answer": "a", "question": question}
    assert opened.post("/rate", data=data).status_code == 403
    assert opened.post("/rate", data=data, headers={"origin": "http://evil.example"}).status_code == 403
    assert of_anna(bank) == []


def test_the_chosen_fits_write_new_pairs(playing: Reader, run_of: dict[str, str]) -> None:
    choices = {"bank": "fresh", "rater": "anna", "a": run_of["gru"], "b": run_of["uniform"]}
    until = time.monotonic() + 120
    while 'id="answer"' not in (text := playing.client.get("/rate", params=choices).text):
        assert "The models write pairs of replies" in text
        assert time.monotonic() < until
        time.sleep(0.3)
    assert "Question 1" in text
