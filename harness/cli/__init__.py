"""The commands of `bakeoff`.

Each command's arguments and function are in one file. Heavy imports are inside the functions, so a usage error is
reported before torch is loaded.
"""

from __future__ import annotations

from harness.cli import dashboard, fits, plugins, results, runs, tuning

COMMANDS = {
    command.name: command
    for command in (
        *runs.COMMANDS,
        *tuning.COMMANDS,
        *results.COMMANDS,
        *dashboard.COMMANDS,
        *fits.COMMANDS,
        *plugins.COMMANDS,
    )
}
