from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from harness.common.errors import UserError
from harness.dashboard.choices import Choices
from harness.dashboard.fitted import fitted
from harness.dashboard.playground import MOST_EXCHANGES, PROMPT, command, player_of, read_body, request_of, stops
from harness.dashboard.site import Site
from tests.harness.dashboard.reading import Reader


@pytest.fixture(scope="module")
def real(playing: Reader) -> Site:
    site: Site = playing.client.app.state.site  # type: ignore[attr-defined]
    return site


def asked(site: Site, side: str = "a", body: Any = None, **choices: str) -> dict[str, Any]:
    pairs = [(key.replace("__", "."), value) for key, value in choices.items()]
    return request_of(site, Choices.of(pairs), side, body or {})


def test_a_request_says_all_that_was_chosen(real: Site, run_of: dict[str, str]) -> None:
    values = {"set_a.transforms.top_p.p": "0.5", "set_a.unknown": "1", "set_b.transforms.top_p.p": "0.1"}
    request = asked(
        real, a=run_of["gru"], decoding_a="top_p", seed="7", new_tokens="9", prompt="a\r\nb", stop="x", **values
    )
    assert request == {
        "task": "complete",
        "run": run_of["gru"],
        "seed": 7,
        "max_new_tokens": 9,
        "decoding": "top_p",
        "settings": {"transforms.top_p.p": "0.5"},
        "prompt": "a\nb",
        "stop": ["x"],
    }
    assert asked(real, a=run_of["gru"])["prompt"] == PROMPT
    assert asked(real, a=run_of["gru"], stop="x", sent="yes")["stop"] == []


def test_b_decodes_as_a_unless_it_is_told_otherwise(real: Site, run_of: dict[str, str]) -> None:
    shared = {"a": run_of["gru"], "b": run_of["ngram"], "decoding_a": "top_k", "set_a.transforms.top_k.k": "3"}
    assert asked(real, "b", **shared)["settings"] == {"transforms.top_k.k": "3"}
    assert asked(real, "b", **shared, decoding_b="own")["decoding"] == "own"
    with pytest.raises(UserError, match="no model on side 'b'"):
        asked(real, "b", a=run_of["gru"])


def test_a_draft_is_a_run_of_the_folder(real: Site, run_of: dict[str, str]) -> None:
    request = asked(real, a=run_of["transformer"], decoding_a="speculative", **{"set_a.search.draft": run_of["gru"]})
    assert "/" not in request["settings"]["search.draft"]
    with pytest.raises(UserError, match="there is no run"):
        asked(real, a=run_of["gru"], decoding_a="speculative", **{"set_a.search.draft": "/etc"})


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"seed": "-1"}, "whole number from 0"),
        ({"seed": "x"}, "whole number"),
        ({"new_tokens": "0"}, "from 1 to 1,000"),
        ({"new_tokens": "1001"}, "from 1 to 1,000"),
        ({"decoding_a": "top_p", "set_a.transforms.top_p.p": "much"}, "a number"),
        ({"a": "../x"}, "there is no run"),
        ({"mode": "chat"}, "say something"),
    ],
)
def test_what_is_not_allowed_is_refused(real: Site, choices: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        asked(real, **choices)


@pytest.mark.parametrize(
    "body",
    [
        {"say": ""},
        {"say": "a" * 3000, "exchanges": []},
        {"say": 3, "exchanges": []},
        {"say": "a", "exchanges": "x"},
        {"say": "a", "exchanges": [{"said": "a"}]},
        {"say": "a", "exchanges": [3]},
        {"say": "a", "exchanges": [{}] * (MOST_EXCHANGES + 1)},
    ],
)
def test_a_conversation_is_lines_of_text(real: Site, body: Any) -> None:
    with pytest.raises(UserError):
        asked(real, body=body, mode="chat")


def test_a_conversation(real: Site, run_of: dict[str, str]) -> None:
    body = {"say": "hi", "exchanges": [{"said": "a", "written": " b", "more": "c"}]}
    request = asked(real, body=body, mode="chat", a=run_of["gru"], sent="yes", partner="Assistant")
    assert request["exchanges"] == [{"said": "a", "written": " b"}]
    assert request["stops"] is False
    assert request["max_new_tokens"] is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"query": 3, "side": "a"}', b'{"query": "", "side": "c"}', b"\xff"]
)
def test_what_no_page_sends_is_refused(content: bytes) -> None:
    with pytest.raises(UserError):
        read_body(content)


def test_the_command_is_one_that_a_shell_takes(real: Site, run_of: dict[str, str]) -> None:
    choices = Choices.of([("a", run_of["gru"]), ("decoding_a", "top_p"), ("prompt", "it's\n$HOME \\n"), ("stop", "\n")])
    player = player_of(real, choices, "a", fitted(real, choices))
    assert player is not None
    words = shlex.split(command(real, choices, player))
    assert words[:4] == ["bakeoff", "complete", run_of["gru"], r"it's\n$HOME \\n"]
    assert words[words.index("--stop") + 1] == r"\n"


def test_a_box_that_is_not_ticked_counts_once_the_form_was_sent() -> None:
    assert stops(Choices())
    assert not stops(Choices.of([("sent", "yes")]))
    assert stops(Choices.of([("sent", "yes"), ("stops", "yes")]))


@pytest.mark.parametrize("mode", ["complete", "chat", "<b>"])
def test_the_page(playing: Reader, run_of: dict[str, str], mode: str) -> None:
    hostile = "%3Cscript%3Ealert(1)%3C/script%3E"
    page = playing.get(
        f"/playground?mode={mode}&a={run_of['gru']}&b={run_of['ngram']}&decoding_a=beam&decoding_b=top_p"
        f"&prompt={hostile}&person={hostile}&set_b.transforms.top_p.p={hostile}&seed={hostile}&stop={hostile}"
    )
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert len(page.ids) == len(set(page.ids))
    assert json.dumps("a number")[1:-1] in page.text  # why the value of B's setting can't be used
