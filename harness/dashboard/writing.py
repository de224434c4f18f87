"""What a fit writes, sent to the page as it is written (server-sent events). It stops when nobody listens any more.

Events are JSON: first what was asked; then "pieces" of text, each with the name of a character that was made visible,
or null; at the end "done", or "error".
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from harness.common.errors import UserError
from harness.common.numerals import probability
from harness.common.plurals import many
from harness.dashboard.playground import read_body, request_of
from harness.dashboard.site import Site
from harness.report.untrusted import pieces

if TYPE_CHECKING:
    from harness.dashboard.model_process import ModelProcess

MOST_BYTES = 400_000
"""Of a request."""
_SECONDS_BETWEEN_LOOKS = 0.2
"""Whether somebody still listens."""
_ENDS = {"length": "as many tokens as allowed", "context": "the model's window is full"}


async def write(site: Site, request: Request) -> Response:
    """Answer a POST of the playground's page."""
    try:
        content = await _content(request)
        choices, side, body = read_body(content)
        wanted = await run_in_threadpool(request_of, site, choices, side, body)
    except UserError as error:
        return PlainTextResponse(str(error), 400)
    return StreamingResponse(_events(site.models.processes[side], wanted, request), media_type="text/event-stream")


async def _content(request: Request) -> bytes:
    """The request's body. UserError where it is too long, or no JSON."""
    if request.headers.get("content-type") != "application/json":
        raise UserError("this request is none of the playground's page. Reload the page.")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise UserError(f"this is too long: at most {MOST_BYTES:,} bytes are read. Start over.")
    return content


async def _events(process: ModelProcess, wanted: Mapping[str, Any], request: Request) -> AsyncIterator[str]:
    """The process's answers as they come. When the page goes away, the process is stopped."""
    stopped = threading.Event()
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def put(answer: dict[str, Any] | None) -> None:
        if not stopped.is_set():
            loop.call_soon_threadsafe(answers.put_nowait, answer)

    def work() -> None:
        try:
            for answer in process.answers(wanted, stopped.is_set):
                put(answer)
        except UserError as error:
            put({"error": str(error)})
        put(None)

    threading.Thread(target=work, daemon=True).start()
    try:
        if "prompt" in wanted:
            yield _event({"prompt": _pieces(wanted["prompt"])})
        else:
            yield _event({"said": _pieces(wanted["say"])})
        while True:
            try:
                answer = await asyncio.wait_for(answers.get(), _SECONDS_BETWEEN_LOOKS)
            except TimeoutError:
                if await request.is_disconnected():
                    return
                continue
            if answer is None:
                return
            yield _event(shown(answer))
    except ClientDisconnect:
        return
    finally:
        stopped.set()


def _event(content: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"


def _pieces(text: str) -> list[tuple[str, str | None]]:
    return [(piece.text, piece.name) for piece in pieces(text)]


def shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of the process as the page shows it."""
    if "text" in answer:
        return {"text": answer["text"], "pieces": _pieces(answer["text"])}
    if "error" in answer:
        return {"error": answer["error"]}
    from harness.dashboard.inside import level

    done = answer["done"]
    tokens = [
        {"pieces": _pieces(text), "level": level(value), "probability": probability(value)}
        for text, value in done.get("tokens", ())
    ]
    return {"done": {"says": ending(done), "tokens": tokens}}


def ending(done: Mapping[str, Any]) -> str:
    """'Ended by the stop text. 42 tokens in 0.5 s, 2.10 bits a token.'"""
    reason, stop_text = done["finish_reason"], done["stop_text"]
    if reason == "stop":
        why = "The model ended its turn." if "left_out" in done else "The model ended the text."
        why = f"Ended by the stop text {json.dumps(stop_text)}." if stop_text else why
    else:
        why = f"Ended: {_ENDS.get(reason, reason)}."
    seconds = max(done["seconds"], 1e-3)
    counted = f" {many(done['num_tokens'], 'token')} in {seconds:.1f} s." if "num_tokens" in done else ""
    bits = done.get("bits_a_token")
    if bits is not None:
        counted = f"{counted[:-1]}, {bits:.2f} bits a token."
    left_out = done.get("left_out")
    forgotten = f" Its window had no room for the oldest {many(left_out, 'turn')}." if left_out else ""
    return why + counted + forgotten
