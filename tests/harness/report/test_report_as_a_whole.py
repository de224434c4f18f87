"""The whole report: what is there, and that the same records give the same bytes."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness.report
from harness.common.errors import UserError
from harness.evaluation.metric import Metric
from harness.report import write_report
from tests.conftest import ROOT
from tests.harness.report.conftest import Written
from tests.harness.report.records import edit

REPORT_SOURCES = sorted(Path(harness.report.__file__).parent.rglob("*.py"))
REPORT_TEMPLATES = list(Path(harness.report.__file__).with_name("templates").glob("*.html"))


def test_every_promised_file_is_there(written: Written) -> None:
    assert written.folder == written.experiment / "report"
    names = {path.name for path in written.folder.iterdir()}
    assert {f"summary.{ending}" for ending in ("csv", "parquet", "md", "tex")} <= names
    assert {"runs.csv", "runs.parquet", "pairwise.csv", "strategies.csv", "trivial.csv", "report.html"} <= names
    plots = {
        "ladder",
        "differences",
        "validation_by_seconds",
        "validation_by_tokens",
        "cost_parameters",
        "cost_training_seconds",
    } | {
        "perplexity_by_position",
        "perplexity_by_source",
        "arithmetic_measures",
        "arithmetic_by_operation",
        "arithmetic_by_digits",
        "turn_taking_measures",
    }
    assert {f"{plot}.{ending}" for plot in plots for ending in ("svg", "png")} <= names
    assert {path.name for path in written.report.files} == names


def test_the_report_is_made_of_the_same_bytes_again_without_torch_hydra_and_wandb(
    written: Written, tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'hydra', 'omegaconf', 'wandb', 'streamlit', 'lm_eval'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from harness.report import write_report\n"
        f"print(write_report(Path({str(tmp_path / written.experiment.name)!r})).page)\n"
    )
    # the page links to the runs from where it lies
    shutil.copytree(written.experiment, tmp_path / written.experiment.name, ignore=shutil.ignore_patterns("report"))
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for path in written.folder.iterdir():
        assert (tmp_path / written.experiment.name / "report" / path.name).read_bytes() == path.read_bytes(), path.name


def test_an_eval_that_the_harness_has_never_heard_of_is_tabulated_and_drawn(small: Path) -> None:
    def add(record: dict[str, Any]) -> None:
        for part, value in (("all", 0.25), ("colour=red", 0.5), ("colour=blue", 0.0)):
            metric = Metric("riddles | <b>", 3, "solved", part, value, "share", True, 4, 5, 0.2, 0.05, 0.7, chance=0.1)
            record["metrics"].append(vars(metric))

    for run in small.glob("*-s0"):
        edit(run, add)
    report = write_report(small)
    table = pd.read_csv(report.page.parent / "summary.csv")
    assert (table["solved"] == 0.25).all()
    assert (table["solved_n"] == 4).all()
    assert (table["solved_n_total"] == 5).all()
    assert (report.table["solved, %"] == "25.0 [5.0, 70.0]").all()
    assert (report.page.parent / "riddles____b__by_colour.svg").is_file()
    assert (report.page.parent / "riddles____b__measures.svg").is_file()
    assert "riddles | &lt;b&gt;" in report.page.read_text()


def test_an_out_that_is_a_file_is_refused(small: Path) -> None:
    with pytest.raises(UserError, match="is a file"):
        write_report(small, out=small / "rnn-greedy-s0" / "run.json")


def test_the_report_names_no_family_eval_or_strategy_and_imports_no_torch_hydra_or_wandb() -> None:
    named = re.compile(
        r"\b(uniform|unigram|bigram|ngram|rnn|gru|lstm|transformer|perplexity|arithmetic|turn_taking|greedy|top_k|top_p)\b"
    )
    for path in [*REPORT_SOURCES, *REPORT_TEMPLATES]:
        assert not named.search(path.read_text()), path
    for path in REPORT_SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {module.split(".")[0] for module in modules} & {"torch", "hydra", "omegaconf", "wandb", "models"}


def test_the_template_lies_in_the_package() -> None:
    assert resources.files("harness.report").joinpath("templates", "report.html").is_file()
