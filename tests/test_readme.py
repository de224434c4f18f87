"""What the README shows works as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.config.options import GROUPS, options
from tests.commands import bakeoff
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return str(found)


def test_the_eval_that_the_readme_writes_is_short_and_runs_in_a_sweep_from_any_folder(tmp_path: Path) -> None:
    code = block("python")
    assert len(code.splitlines()) <= 25
    (tmp_path / "shouting.py").write_text(code)
    picks = ["model=unigram,bigram", "data=chatterbot", "tracking=none", "evals=[perplexity,shouting.py]"]
    bakeoff(tmp_path, "run", "-m", *picks, "decoding=temperature")
    runs = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("default/*/run.json")]
    assert {run["model"]["name"] for run in runs} == {"unigram", "bigram"}
    for run in runs:
        assert run["status"] == "complete"
        [metric] = [metric for metric in run["metrics"] if metric["eval"] == "shouting"]
        assert (metric["metric"], metric["slice"], metric["n_total"]) == ("capitals", "all", 3)
    assert "13 passed, 0 failed" in bakeoff(tmp_path, "check", "eval", "shouting.py").stdout


def test_the_ten_lines_of_python_run_as_they_stand(tmp_path: Path) -> None:
    code = block("py")
    assert len(code.splitlines()) <= 12
    shown = "print(sorted(runs['model.name']), len(samples), curves['run_id'].nunique())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"}
    command = [sys.executable, "-c", f"{code}\n{shown}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("['bigram', 'ngram']"), done.stdout
    assert last.endswith(" 2")
    assert "p_holm" in done.stdout


def test_the_same_eval_is_the_one_of_the_example_package() -> None:
    package = ROOT / "tests" / "plugin_demo" / "bakeoff_demo"
    assert (package / "shouting.py").read_text() == block("python")


@pytest.mark.parametrize("group", [group for group in GROUPS if group not in ("training", "budget")])
def test_every_option_is_in_the_readme_s_table(group: str) -> None:
    [row] = [line for line in README.splitlines() if line.startswith(f"| `{group}=`")]
    for name in options(group):
        assert re.search(rf"\b{name}\b", row), f"{group}={name} is missing"


def test_files_and_folders_that_the_readme_shows_exist() -> None:
    for path in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_the_numbers_in_the_readme_are_those_of_the_reference_results() -> None:
    lines = (ROOT / "results" / "reference" / "families" / "summary.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    named = {(row[0], row[1]): dict(zip(cells[0], row, strict=True)) for row in cells[2:]}
    shown = re.findall(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", README, flags=re.MULTILINE)
    families = [row for row in shown if (row[0], "top_p") in named]
    experiment = yaml.safe_load((ROOT / "conf" / "experiment" / "families.yaml").read_text(encoding="utf-8"))
    assert {row[0] for row in families} == set(experiment["hydra"]["sweeper"]["params"]["model"].split(","))
    for family, *numbers in families:
        row = named[family, "top_p"]
        assert numbers == [row[name] for name in ("parameters", "bits per byte", "handed back, %", "exact match, %")]
