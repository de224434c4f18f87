from __future__ import annotations

import os
import time
from pathlib import Path

from harness.dashboard import live
from harness.runs.index import Index


def test_what_runs_is_shown_with_its_last_line(own_results: Path) -> None:
    for name, age in (("new", 0), ("old", 4000)):
        run = own_results / "pair" / name
        run.mkdir()
        (run / "config.yaml").write_text("model: lstm\n")
        (run / "log.txt").write_text("first\nlast \x1b[31mline\n")
        for file in run.iterdir():
            os.utime(file, (time.time() - age,) * 2)
    index = Index(own_results)
    index.refresh(at_once=True)
    runs = live.running(index, index.entries())
    assert [(run.id, run.is_silent, run.says) for run in runs] == [
        ("pair/new", False, "last \x1b[31mline"),
        ("pair/old", True, "last \x1b[31mline"),
    ]
    assert live.summary(index.entries()).startswith("1 running, 1 stopped or silent, 8 complete; training takes")


def test_nothing_runs_in_an_empty_folder(tmp_path: Path) -> None:
    index = Index(tmp_path)
    assert live.running(index, []) == []
    assert live.summary([]) == ""
