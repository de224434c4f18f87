"""What each command of `bakeoff` takes and does.

A command stands in one file, with its arguments beside its function. Imports stand inside the functions: a usage error
must answer before torch is loaded.
"""

from __future__ import annotations

from harness.cli import fits, plugins, results, runs

COMMANDS = {command.name: command for command in (*runs.COMMANDS, *results.COMMANDS, *fits.COMMANDS, *plugins.COMMANDS)}
