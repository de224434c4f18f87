from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from harness.dashboard.security import Guard
from tests.harness.dashboard.reading import Reader

VIEWS = [
    "/",
    "/curves",
    "/compare",
    "/samples",
    "/turns",
    "/inside",
    "/playground",
    "/rate",
    "/run?run=x",
    "/changes?since=0",
    "/static/dashboard.js",
    "/no",
]


@pytest.mark.parametrize("view", VIEWS)
def test_every_answer_forbids_inline_scripts_eval_and_other_origins(client: Reader, view: str) -> None:
    policy = client.client.get(view).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy
    assert "base-uri 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "[::2]:80", "10.0.0.1"]
)
def test_another_name_than_the_servers_is_refused(client: Reader, host: str) -> None:
    answer = client.client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "127.0.0.1" in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765", "[::1]"])
def test_the_names_of_this_machine_are_allowed(client: Reader, host: str) -> None:
    assert client.client.get("/static/dashboard.css", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
def test_a_page_of_another_origin_is_refused(client: Reader, origin: str) -> None:
    assert client.client.get("/changes?since=0", headers={"origin": origin}).status_code == 403


def test_its_own_pages_may_ask(client: Reader) -> None:
    headers = {"origin": "http://127.0.0.1:8765"}
    assert client.client.get("/changes?since=0", headers=headers).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_allowed(client: Reader, method: str) -> None:
    answer = client.client.request(method, "/")
    assert answer.status_code == 405
    assert "GET" in answer.text


def test_the_host_that_was_asked_for_is_allowed_too() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        from starlette.responses import PlainTextResponse

        await PlainTextResponse("here")(scope, receive, send)  # type: ignore[arg-type]

    opened = TestClient(Guard(app, "box.local"), base_url="http://box.local:80")  # type: ignore[arg-type]
    assert opened.get("/").text == "here"
    assert opened.get("/", headers={"host": "other"}).status_code == 403
    everywhere = TestClient(Guard(app, "0.0.0.0"), base_url="http://any:80")  # type: ignore[arg-type]
    assert everywhere.get("/").text == "here"


@pytest.mark.parametrize(
    "path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/dashboard.py", "/etc/passwd", "//etc/passwd"]
)
def test_no_address_reaches_a_file(client: Reader, path: str) -> None:
    answer = client.client.get(path)
    assert answer.status_code == 404
    assert "import" not in answer.text


@pytest.mark.parametrize(
    "run", ["../../etc/passwd", "families/../../x", "/etc/passwd", "families", "", "\x00", "<script>alert(1)</script>"]
)
def test_a_run_is_looked_up_and_never_a_path(client: Reader, run: str) -> None:
    answer = client.client.get("/run", params={"run": run})
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


OWN = {"origin": "http://127.0.0.1:8765", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://127.0.0.1:8765", "host": "evil.example"}, 403),
        ({"origin": "http://evil.example", "host": "evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8765", "content-type": "text/plain"}, 400),
    ],
)
def test_what_a_model_writes_is_asked_for_by_the_servers_own_page_alone(
    client: Reader, headers: dict[str, str], status: int
) -> None:
    assert client.client.post("/write", content="{}", headers=headers).status_code == status


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_writing_is_asked_for_with_post_alone(client: Reader, method: str) -> None:
    assert client.client.request(method, "/write", headers=OWN).status_code == 405


@pytest.mark.parametrize(
    "query",
    [
        "a=../../etc/passwd",
        "a=/etc/passwd",
        "a=families",
        "a=x%00",
        "decoding_a=speculative&set_a.search.draft=/etc/passwd",
        "decoding_a=speculative&set_a.search.draft=../families/gru-greedy-s0",
    ],
)
def test_no_request_to_write_takes_a_path(client: Reader, query: str) -> None:
    body = json.dumps({"side": "a", "query": query})
    answer = client.client.post("/write", content=body, headers=OWN)
    assert answer.status_code == 400
    assert "there is no run" in answer.text
