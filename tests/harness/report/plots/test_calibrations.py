"""Forecasts are drawn against what came, from the stored samples; what other samples are asked counts nowhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.plots.calibrations import calibrations
from tests.conftest import ROOT
from tests.harness.report.forecasts import add


def test_what_was_given_stands_against_what_came(small: Path, compare: Callable[[Path], Comparison]) -> None:
    add(small)
    [plot] = [plot for plot in calibrations(compare(small)) if plot is not None]
    assert plot.name == "turn_taking_rain_calibration"
    told = dict(re.findall(r"(\w+): ([^;]*?happened)(?:;|\.$)", plot.alt.partition(". ")[2]))
    points = {
        system: [
            (float(given), float(came)) for given, came in re.findall(r"([\d.]+) % given, ([\d.]+) % happened", text)
        ]
        for system, text in told.items()
    }
    assert set(points) == {"ngram", "rnn"}
    assert len(points["ngram"]) == 10
    # One run of four: decoding changes no forecast.
    assert np.mean([abs(given - came) for given, came in points["ngram"]]) < 15
    [(given, came)] = points["rnn"]
    assert given == 90
    assert came < 60
    assert b"stroke-dasharray" in plot.svg
    assert f"{plot.name}.svg" in {path.name for path in write_report(small).files}


def test_without_forecasts_there_is_none(small: Path, compare: Callable[[Path], Comparison]) -> None:
    assert calibrations(compare(small)) == []


@pytest.mark.campaign
def test_it_is_drawn_where_torch_is_not_importable(small: Path, tmp_path: Path) -> None:
    add(small)
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    code = f"from pathlib import Path; from harness.report import write_report; write_report(Path({str(small)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert (small / "report" / "turn_taking_rain_calibration.png").is_file()


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), "much"])
def test_what_is_no_probability_is_left_out(small: Path, compare: Callable[[Path], Comparison], value: object) -> None:
    add(small)
    for file in small.glob("*/samples.parquet"):
        rows = pd.read_parquet(file)
        spoiled = json.dumps({"rain": True, "rain_probability": value})
        rows.loc[rows["sample_id"] == "rain-3", "values"] = spoiled
        rows.to_parquet(file, index=False)
    [plot] = calibrations(compare(small))
    assert plot is not None
