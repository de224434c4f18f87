"""The commands of `bakeoff`.

Each command's arguments and function are in one file. Heavy imports are inside the functions, so a usage error is
reported before torch is loaded.
"""

from __future__ import annotations

from harness.cli import (
    dashboard,
    fits,
    guarding,
    housekeeping,
    plugins,
    power,
    ratings,
    results,
    runs,
    sweeps,
    tuning,
    wandb_sync,
)

COMMANDS = {
    command.name: command
    for command in (
        sweeps.COMPARE,
        *runs.COMMANDS,
        sweeps.WORK,
        *tuning.COMMANDS,
        *results.COMMANDS,
        *wandb_sync.COMMANDS,
        *dashboard.COMMANDS,
        *power.COMMANDS,
        *housekeeping.COMMANDS,
        *fits.COMMANDS,
        *guarding.COMMANDS,
        *ratings.COMMANDS,
        *plugins.COMMANDS,
    )
}
