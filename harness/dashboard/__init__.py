"""The dashboard: pages for comparing runs, served on this machine only.

Every view is an address that holds all choices, made of the same functions as the report. Needs no torch.

Charts are SVG that the server draws (harness/dashboard/charts), with a little script of our own for what is under the
mouse and for choosing a part. Measured against 12 lines of 100 points in headless Chromium on two shared cores, under
a content security policy without eval and inline styles:

    Bokeh 3.9       1,390 kB of script, 0.9 to 1.2 s; draws, but 315 inline styles are refused, so it looks wrong
    Vega-Lite       898 kB in vl-convert's bundle, 0.4 to 0.5 s; refused without its expression interpreter, which the
                    bundle draws with only in its slower mode (`ast`), and its inline styles are refused too
    drawn here      18 kB of script for all views; 0.03 s on the server; nothing is refused

Neither library's chart can be reached by keyboard, and neither draws without script. vl-convert is 84 MB, Bokeh 32 MB.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import webbrowser
from pathlib import Path

from harness.common.errors import UserError
from harness.common.terminal import say


def serve(results: Path, host: str, port: int, opens_browser: bool) -> None:
    """Serve the pages until Ctrl-C. port 0: any free one. UserError where there is no such folder, or the port is
    taken."""
    import uvicorn

    from harness.dashboard.server import app

    application = app(results, host)
    listener = _listening(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}/"
    say(f"{address} shows the runs in {results}. Ctrl-C ends it.", flush=True)
    if opens_browser:
        threading.Timer(0.3, webbrowser.open, (address,)).start()
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(application, log_level="warning", access_log=False, server_header=False, ws="none")
    with contextlib.suppress(KeyboardInterrupt):  # the usual end
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # who connects before the server is ready waits
    except (OSError, OverflowError) as error:
        listener.close()
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"port {port} of {host} can't be listened on: {why}. Another dashboard may use it: give another one "
            "with --port, or --port 0 for any that is free."
        ) from None
    return listener
