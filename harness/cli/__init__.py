"""What each command of `bakeoff` does. Every function takes the parsed options and returns an exit status.

Imports stand inside the functions: a usage error must answer before torch is loaded.
"""

from __future__ import annotations

from harness.cli import fits, plugins, runs

COMMANDS = {
    "run": runs.run,
    "compare": runs.compare,
    "report": runs.report,
    "list": runs.list_,
    "score": fits.score,
    "complete": fits.complete,
    "rescore": runs.rescore,
    "chat": fits.chat,
    "lm-eval": fits.lm_eval,
    "arpa": fits.export_arpa,
    "new": plugins.new,
    "check": plugins.check,
    "fetch": runs.fetch,
}
