"""Records of runs, changed as a test wants them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.common.results_folder import RUN_FILE


def edit(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the JSON of a run's record."""
    record = json.loads((run / RUN_FILE).read_text())
    change(record)
    (run / RUN_FILE).write_text(json.dumps(record))
