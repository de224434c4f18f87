"""`bakeoff new`: three files that work unchanged, and nothing is overwritten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import bakeoff, environment
from tests.conftest import ROOT

KINDS = {"eval": "evals", "model": "model", "decoding": "decoding"}


def test_new_files_pass_their_tests_and_checks_and_run_together(tmp_path: Path) -> None:
    for kind in KINDS:
        said = bakeoff(tmp_path, "new", kind, f"my_{kind}", "--folder", f"own {kind}").stdout
        assert f"bakeoff check {kind} " in said
        folder = tmp_path / f"own {kind}"
        assert {path.name for path in folder.iterdir()} == {
            f"my_{kind}.py",
            f"my_{kind}.yaml",
            f"test_my_{kind}.py",
        }
        for path in folder.glob("*.py"):
            assert len(path.read_text().splitlines()) <= 110
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    done = bakeoff(tmp_path, "check", "eval", "own eval/my_eval.py")
    assert done.stdout.splitlines()[-1] == "eval own eval/my_eval.py: 15 passed, 0 failed, 0 skipped"
    picks = ("model='own model/my_model.py'", "decoding='own decoding/my_decoding.py'", "evals=['own eval/my_eval.py']")
    done = bakeoff(tmp_path, "run", *picks, "data=chatterbot", "tracking=none", "model.repeat_share=0.2")
    assert "my_model-my_decoding-s0-" in done.stdout
    assert "exact_match" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_new_files_keep_our_style(kind: str, tmp_path: Path) -> None:
    bakeoff(tmp_path, "new", kind, f"my_{kind}")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My_eval", ("lower-case letters",)),
        ("my-eval", ("lower-case letters",)),
        ("../my_eval", ("lower-case letters",)),
        ("1eval", ("lower-case letters",)),
        ("my_global_eval", ("whole configuration",)),
        ("class", ("Python keywords",)),
        ("test_mine", ("begin with test_",)),
        ("perplexity", ("taken", "evals=perplexity")),
        ("random", ("hide the Python package or module",)),
        ("", ("lower-case letters",)),
    ],
)
def test_a_name_that_would_not_work_is_refused(name: str, words: tuple[str, ...], tmp_path: Path) -> None:
    done = bakeoff(tmp_path, "new", "eval", name, status=2)
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["my_eval.py", "my_eval.yaml", "test_my_eval.py"])
def test_nothing_is_overwritten_and_nothing_is_written_beside_it(suffix: str, tmp_path: Path) -> None:
    (tmp_path / suffix).write_text("mine")
    done = bakeoff(tmp_path, "new", "eval", "my_eval", status=2)
    assert f"{suffix} exists already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [suffix]
    assert (tmp_path / suffix).read_text() == "mine"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = bakeoff(tmp_path, "new", "eval", "my_eval", "--folder", "file", status=2)
    assert "can't be written to" in done.stderr
