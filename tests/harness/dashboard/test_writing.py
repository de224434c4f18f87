from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from harness.dashboard.writing import MOST_BYTES, ending, shown
from tests.harness.dashboard.reading import Reader

OWN = {"origin": "http://127.0.0.1:8765", "content-type": "application/json"}


def written(playing: Reader, side: str = "a", body: Any = None, **choices: str) -> list[dict[str, Any]]:
    content = json.dumps({"side": side, "query": urlencode(choices), **(body or {})})
    answer = playing.client.post("/write", content=content, headers=OWN)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n") if event]


def test_a_completion_comes_piece_by_piece(playing: Reader, run_of: dict[str, str]) -> None:
    first, *pieces, last = written(playing, a=run_of["gru"], prompt="Hello", new_tokens="20", decoding_a="temperature")
    assert first == {"prompt": [["Hello", None]]}
    assert len(pieces) > 3
    assert "20 tokens" in last["done"]["says"]
    assert all(token["level"] in ("p0", "p1", "p2", "p3", "p4") for token in last["done"]["tokens"])
    again = written(playing, a=run_of["gru"], prompt="Hello", new_tokens="20", decoding_a="temperature")
    assert [piece["text"] for piece in again[1:-1]] == [piece["text"] for piece in pieces]


def test_hostile_prompts_come_back_as_text_and_marks(playing: Reader, run_of: dict[str, str]) -> None:
    first, *_ = written(playing, a=run_of["gru"], prompt="<b>\u202e", new_tokens="3")
    assert first["prompt"] == [["<b>", None], ["⟨U+202E⟩", "RIGHT-TO-LEFT OVERRIDE"]]


def test_a_conversation(playing: Reader, run_of: dict[str, str]) -> None:
    body = {"say": "hi", "exchanges": []}
    first, *_, last = written(playing, "b", body, mode="chat", b=run_of["gru"], new_tokens="9", decoding_a="top_p")
    assert first == {"said": [["hi", None]]}
    assert last["done"]["says"].startswith(("Ended", "The model ended"))


def test_what_the_model_refuses_is_an_event(playing: Reader, run_of: dict[str, str]) -> None:
    body = {"say": "hi", "exchanges": []}
    _, error = written(playing, "a", body, mode="chat", a=run_of["gru"], person="Bob")
    assert "Bob" in error["error"]


def test_a_request_that_is_too_long_is_refused(playing: Reader) -> None:
    answer = playing.client.post("/write", content=b"x" * (MOST_BYTES + 1), headers=OWN)
    assert answer.status_code == 400
    assert "too long" in answer.text


@pytest.mark.parametrize(
    ("done", "says"),
    [
        (
            {"finish_reason": "stop", "stop_text": "\n\n", "seconds": 0.5, "num_tokens": 1, "bits_a_token": 2.0},
            'Ended by the stop text "\\n\\n". 1 token in 0.5 s, 2.00 bits a token.',
        ),
        ({"finish_reason": "stop", "stop_text": None, "seconds": 1.0}, "The model ended the text."),
        (
            {"finish_reason": "stop", "stop_text": None, "seconds": 1.0, "left_out": 2},
            "The model ended its turn. Its window had no room for the oldest 2 turns.",
        ),
        (
            {"finish_reason": "length", "stop_text": None, "seconds": 0, "num_tokens": 3, "bits_a_token": None},
            "Ended: as many tokens as allowed. 3 tokens in 0.0 s.",
        ),
        ({"finish_reason": "context", "stop_text": None, "seconds": 0}, "Ended: the model's window is full."),
    ],
)
def test_how_it_ended_is_said(done: dict[str, Any], says: str) -> None:
    assert ending(done) == says


def test_an_error_of_the_process_is_shown() -> None:
    assert shown({"error": "<b>", "number": 3}) == {"error": "<b>"}
