"""`bakeoff new`: three files that work unchanged, and nothing is overwritten."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from harness.cli.plugins import COMMANDS, KINDS, new
from harness.common.errors import UserError
from harness.plugin_kit.new import GROUPS, TEMPLATES, start
from tests.commands import bakeoff, environment
from tests.conftest import ROOT

STARTS = [(kind, name) for kind in GROUPS for name in TEMPLATES.get(kind, (None,))]


def test_the_command_takes_every_kind_and_names_every_template() -> None:
    assert tuple(GROUPS) == KINDS
    parser = ArgumentParser()
    next(command for command in COMMANDS if command.name == "new").add_arguments(parser)
    assert all(name in parser.format_help() for names in TEMPLATES.values() for name in names)


@pytest.mark.parametrize(
    ("kind", "template", "words"),
    [
        ("model", "neurl", r"--template neurl.*Did you mean 'neural'.*--template counting and --template neural"),
        ("eval", "neural", "there is only one"),
    ],
)
def test_a_template_that_is_none_is_refused(kind: str, template: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        start(kind, "mine", tmp_path, template)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_passes_its_test_its_check_and_runs_beside_one_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, template in STARTS:
        name = template or kind
        folder = tmp_path / f"own {name}"
        asked = Namespace(kind=kind, name=f"my_{name}", folder=str(folder), template=template)
        assert new(asked) == 0
        assert f'bakeoff check {kind} "{folder}' in capsys.readouterr().out
        assert {path.name for path in folder.iterdir()} == {f"my_{name}.py", f"my_{name}.yaml", f"test_my_{name}.py"}
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
    assert done.stdout.splitlines()[-1] == "eval own eval/my_eval.py: 15 passed, 0 failed, 1 skipped"
    picks = [f"{group}='own {name}/my_{name}.py'" for group, name in (("model", "counting"), ("decoding", "transform"))]
    picks += [f"{kind}='own {kind}/my_{kind}.py'" for kind in ("data", "tokenizer")]
    picks += ["evals=['own eval/my_eval.py']", "tracking=none", "model.repeat_share=0.2"]
    done = bakeoff(tmp_path, "run", *picks)
    assert "my_counting-my_transform-s0-" in done.stdout
    assert "exact_match" in done.stdout


@pytest.mark.parametrize(("kind", "template"), STARTS)
def test_what_is_written_keeps_to_our_style(kind: str, template: str | None, tmp_path: Path) -> None:
    start(kind, "mine", tmp_path, template)
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
