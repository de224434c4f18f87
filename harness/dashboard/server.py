"""The server: addresses, and what each gives."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module, resources
from pathlib import Path
from threading import Thread
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from harness.common.errors import UserError
from harness.dashboard.choices import Choices
from harness.dashboard.pages import Page, download, environment, rendered
from harness.dashboard.security import RATE, WRITE, Guard
from harness.dashboard.site import Site

log = logging.getLogger("bakeoff")

# A view's module is imported with its first request, so that the server is up at once.
_MODULES = {
    "/": "harness.dashboard.overview",
    "/run": "harness.dashboard.run_page",
    "/curves": "harness.dashboard.curves",
    "/compare": "harness.dashboard.compare",
    "/samples": "harness.dashboard.samples",
    "/turns": "harness.dashboard.turns",
    "/inside": "harness.dashboard.inside",
    "/playground": "harness.dashboard.playground",
    "/rate": "harness.dashboard.rating",
}
_STATIC = {"dashboard.css": "text/css", "dashboard.js": "text/javascript", "icon.svg": "image/svg+xml"}
_POLL_SECONDS = 5


def app(results: Path, host: str = "127.0.0.1") -> Starlette:
    """The application over a results folder, or over one experiment's. UserError where there is no such folder."""
    site = Site(results)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        Thread(target=_warm_up, args=(site,), daemon=True).start()
        yield
        site.close()

    routes = [Route(view, functools.partial(_show, site, view)) for view in _MODULES]
    routes += [Route(RATE, functools.partial(_rate, site), methods=["POST"])]
    routes += [Route(WRITE, functools.partial(_write, site), methods=["POST"])]
    routes += [Route("/changes", functools.partial(_changes, site)), Route("/static/{name}", _static)]
    application = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, host=host), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)],
        exception_handlers={404: functools.partial(_not_found, site)},
        lifespan=lifespan,
    )
    application.state.site = site
    return application


def _warm_up(site: Site) -> None:
    """Read what is new, and load the libraries, while the first page is asked for."""
    site.index.refresh(at_once=True)
    import_module(_MODULES["/"])


def _show(site: Site, view: str, request: Request) -> Response:
    """A view as a page, or a file of it."""
    site.index.refresh()
    shared = _shared(site)  # before the view, which may miss what is read meanwhile: then the page loads itself again
    choices = Choices()
    try:
        choices = Choices.of(request.query_params.multi_items())
        make: Callable[[Site, Choices], Page] = import_module(_MODULES[view]).view
        page = make(site, choices)
        if choices.value("file"):
            content, media_type, name = download(page, choices)
            headers = {"content-disposition": f'attachment; filename="{name}"'}
            return Response(content, media_type=media_type, headers=headers)
        return HTMLResponse(rendered(page, choices, shared), page.status)
    except UserError as error:
        page = _error_page(view, str(error), 404)
    except Exception:
        log.exception("the dashboard's page %s failed", view)
        page = _error_page(view, "this page could not be made: the terminal of `bakeoff dashboard` says why.", 500)
    return HTMLResponse(rendered(page, choices, shared), page.status)


async def _write(site: Site, request: Request) -> Response:
    """What a fit writes, as it writes it."""
    from harness.dashboard.writing import write

    return await write(site, request)


async def _rate(site: Site, request: Request) -> Response:
    """Keep what a person says of two replies."""
    from harness.dashboard.rating import answer

    return await answer(site, request)


def _error_page(view: str, message: str, status: int) -> Page:
    return Page(view, "error.html", {"message": message}, status=status)


def _shared(site: Site) -> dict[str, Any]:
    """What every page shows."""
    return {
        "results": site.index.results.name,
        "cursor": site.index.cursor,
        "num_unread": site.index.num_unread,
        "poll_seconds": _POLL_SECONDS,
        "static": {name: f"/static/{name}?{_digest(name)}" for name in _STATIC},
    }


async def _not_found(site: Site, request: Request, error: Exception) -> Response:
    page = _error_page("/", f"there is no page {request.url.path!r} here.", 404)
    return HTMLResponse(rendered(page, Choices(), _shared(site)), 404)


def _changes(site: Site, request: Request) -> Response:
    """What changed since a cursor, as JSON: the page's script asks every few seconds."""
    site.index.refresh()
    wanted = Choices.of(request.query_params.multi_items())
    since = int(wanted.number("since") or 0)
    changed, removed = site.index.since(since)
    content: dict[str, Any] = {"cursor": site.index.cursor, "num_changed": len(changed) + len(removed)}
    if changed or removed:
        from harness.dashboard import live
        from harness.dashboard.sweeps import sweeps

        entries = site.index.entries()
        template = environment().get_template("_live.html")
        context = {"live": live.summary(entries), "running": live.running(site.index, entries)}
        context["sweeps"] = sweeps(site.index.results)
        content["live"] = template.render(num_unread=site.index.num_unread, **context)
        content["finished"] = [entry.id for entry in changed if entry.has_record][:20]
    return Response(json.dumps(content), media_type="application/json")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return Response(f"there is no file {name!r}.", 404, media_type="text/plain")
    return Response(_file(name), media_type=_STATIC[name], headers={"cache-control": "max-age=31536000, immutable"})


@functools.cache
def _file(name: str) -> bytes:
    content = resources.files("harness.dashboard").joinpath("static", name).read_bytes()
    return content + _palette().encode() if name.endswith(".css") else content


@functools.cache
def _palette() -> str:
    """The colours, those of the report, as CSS."""
    from harness.report.palette import DARK_INKS, DARK_PALETTE, INK, MUTED, PALETTE, PAPER, RULE

    light = {"ink": INK, "muted": MUTED, "rule": RULE, "paper": PAPER}
    light |= {f"c{index}": colour for index, colour in enumerate(PALETTE)}
    dark = DARK_INKS | {f"c{index}": colour for index, colour in enumerate(DARK_PALETTE)}
    variables = ["".join(f"--{name}:{colour};" for name, colour in each.items()) for each in (light, dark)]
    names = "".join(f".{name}{{color:var(--{name})}}" for name in light)
    return f":root{{{variables[0]}}}@media(prefers-color-scheme:dark){{:root{{{variables[1]}}}}}{names}\n"


@functools.cache
def _digest(name: str) -> str:
    import hashlib

    return hashlib.sha256(_file(name)).hexdigest()[:12]
