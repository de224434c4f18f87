"""What keeps a local page private: who may ask, and what a page may do.

A page of another site that is open in the same browser could ask this server too. So the Host header must name this
server (which a site that lets its own name point to 127.0.0.1 can't), and an Origin header must be the server's own.
No run is changed here, so GET and HEAD are enough, but for what a model writes, which takes time, and for a person's
ratings, which are kept: these are asked for with POST, and only by a page that says that it is the server's own.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WRITE, RATE = "/write", "/rate"
"""The addresses that take POST."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERY_ADDRESS = ("0.0.0.0", "::")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Refuses requests from elsewhere, and adds the headers that limit what a page may do."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        """host: the address that the server listens on; on every address, any name is allowed."""
        self._app = app
        self._names = None if host in _EVERY_ADDRESS else {*_LOOPBACK, host.lower().strip("[]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        why = self._why_refused(scope["method"], scope["path"], Headers(scope=scope))
        if why is None:
            await self._app(scope, receive, send_with_headers)
        else:
            status, text = why
            await PlainTextResponse(text, status)(scope, receive, send_with_headers)

    def _why_refused(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        """The status and the message for a request that is refused."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._names is not None and _name_in(host) not in self._names:
            allowed = ", ".join(sorted(self._names))
            return (
                403,
                f"This server does not answer to the name {host!r}. Allowed: {allowed}; or start it with --host.",
            )
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return 403, f"This server answers no page of another site (this one is of {origin!r})."
        if path in (WRITE, RATE) and method == "POST":
            return None if origin is not None else (403, "This address answers only the server's own page (no Origin).")
        if method not in ("GET", "HEAD"):
            return 405, f"{method} is not allowed: this server changes no run. Allowed: GET, HEAD."
        return None


def _name_in(host: str) -> str:
    """The name in a Host header, without its port: '127.0.0.1:8765', 'localhost', '[::1]:80'."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()
