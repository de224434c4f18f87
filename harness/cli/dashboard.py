"""The command that serves the dashboard."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from harness.cli.command import Command, whole_number

_PORT = 8765


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "results",
        nargs="?",
        default="results",
        metavar="RESULTS",
        help="a results folder, or an experiment's folder in one (default: results)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: 127.0.0.1, which only this machine reaches; there is no password)",
    )
    parser.add_argument(
        "--port", type=whole_number(0, 65535), default=_PORT, help=f"the port; 0: any free one (default: {_PORT})"
    )
    parser.add_argument("--no-browser", action="store_true", help="don't open a browser")


def dashboard(arguments: Namespace) -> int:
    """`bakeoff dashboard`: pages for comparing runs."""
    from harness.dashboard import serve

    serve(Path(arguments.results), arguments.host, arguments.port, not arguments.no_browser)
    return 0


COMMANDS = (
    Command("dashboard", "pages for comparing runs, in your browser", _arguments, dashboard, handles_interrupts=True),
)
