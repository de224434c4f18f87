"""Code and tables in the README and in docs/ are correct."""

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
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_README_LINES = 250


def block(page: str, language: str) -> str:
    """The page's only code block in a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    [code] = re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
    return str(code)


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= MOST_README_LINES


def test_the_eval_that_the_docs_write_is_short_and_runs_in_a_sweep_from_any_folder(tmp_path: Path) -> None:
    code = block("docs/plugins.md", "python")
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
    assert "15 passed, 0 failed" in bakeoff(tmp_path, "check", "eval", "shouting.py").stdout


def test_the_ten_lines_of_python_run_as_they_stand(tmp_path: Path) -> None:
    code = block("README.md", "py")
    assert len(code.splitlines()) <= 12
    shown = "print(sorted(runs['model.name']), len(samples), curves['run_id'].nunique())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"}
    command = [sys.executable, "-c", f"{code}\n{shown}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("['bigram', 'ngram']"), done.stdout
    assert last.endswith(" 2")
    assert "p_corrected" in done.stdout


def test_the_same_eval_is_the_one_of_the_example_package() -> None:
    package = ROOT / "tests" / "plugin_demo" / "bakeoff_demo"
    assert (package / "shouting.py").read_text() == block("docs/plugins.md", "python")


@pytest.mark.parametrize("group", [group for group in GROUPS if group not in ("training", "budget")])
def test_every_option_is_in_the_readme_s_table(group: str) -> None:
    [row] = [line for line in README.splitlines() if line.startswith(f"| `{group}=`")]
    for name in options(group):
        assert re.search(rf"\b{name}\b", row), f"{group}={name} is missing"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_what_exists(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        if heading:
            prose = re.sub(r"^```.*?^```", "", target.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
            headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings}, link


def test_every_page_of_the_docs_is_linked_from_the_readme_and_from_their_index() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    for index, prefix in (("README.md", "docs/"), ("docs/README.md", "")):
        table = (ROOT / index).read_text(encoding="utf-8")
        assert pages <= set(re.findall(rf"\]\({prefix}(\w[\w-]*\.md)\)", table)), index


def test_the_numbers_in_the_readme_are_those_of_the_reference_results() -> None:
    lines = (ROOT / "results" / "reference" / "families" / "summary.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    named = {(row[0], row[1]): dict(zip(cells[0], row, strict=True)) for row in cells[2:]}
    shown = re.findall(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", README, flags=re.MULTILINE)
    families = [row for row in shown if (row[0], "top_p") in named]
    experiment = yaml.safe_load((ROOT / "conf" / "experiment" / "families.yaml").read_text(encoding="utf-8"))
    assert {row[0] for row in families} == set(experiment["hydra"]["sweeper"]["params"]["model"].split(","))
    for family, *numbers in families:
        sampled, greedy = named[family, "top_p"], named[family, "greedy"]
        of_sampled = [sampled[name] for name in ("parameters", "bits per byte", "took its turn, %")]
        assert numbers == [*of_sampled, greedy["exact match, %"]]
