"""Plans of sweeps: written down, found again, and made anew when something changed."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.training.workshop import Prepared
from harness.workers import planned as planning
from harness.workers.planned import PlannedSweep, planned

SETTINGS = ("tracking=none", "evals=[perplexity]", "budget.tokens=2000")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line whose plan is written, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").mkdir()
    for name in "abcdef":
        (tmp_path / "text" / f"{name}.txt").write_text(f"The text of {name}. " * 50)
    (tmp_path / "mine.yaml").write_text((planning.conf_dir() / "format" / "human_assistant.yaml").read_text())
    overrides = ["model=unigram", "seed=0,1", "data=text", "data.paths=[text]", "format=./mine.yaml", *SETTINGS]
    planned(overrides, Prepared()).sweep.write()
    return overrides


def is_found_again(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a plan is used that was made before, with the same runs as a new one."""
    calls = []
    of_command_line = planning.sweep
    with monkeypatch.context() as patch:
        patch.setattr(planning, "sweep", lambda asked: calls.append(asked) or of_command_line(asked))
        plan = planned(overrides, Prepared()).sweep
    new = planning._plan(of_command_line(overrides), planning._key(overrides), Prepared()).sweep
    assert plan.runs == new.runs
    return not calls


def test_a_plan_is_read_as_it_was_written(made: list[str]) -> None:
    plan = planned(made, Prepared()).sweep
    assert [run.number for run in plan.runs] == [1, 2]
    assert len({run.fit_id for run in plan.runs}) == 2
    read = PlannedSweep.read(plan.folder)
    assert read == plan  # its folder too: what is printed is the same when a sweep is continued
    whole = [*made, f"results_dir={Path.cwd() / 'results'}"]
    assert planned(whole, Prepared()).sweep.folder == Path("results", "sweeps", planned(whole, Prepared()).sweep.id)
    start = plan.begin_round([2])
    assert plan.latest_round() == start
    assert start.missing == {2}


def test_the_same_command_finds_its_plan(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_found_again(made, monkeypatch)
    assert not is_found_again([*made, "training.warmup_fraction=0.1"], monkeypatch)


def test_another_text_makes_another_plan(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("text/a.txt").write_text("Another text. " * 60)
    assert not is_found_again(made, monkeypatch)


def test_another_configuration_makes_another_plan(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.yaml").write_text(Path("mine.yaml").read_text() + "# a remark\n")
    assert not is_found_again(made, monkeypatch)


def test_another_code_makes_another_plan(made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("number = 1\n")
    package = dataclasses.make_dataclass("Package", ["folder", "conf"])(tmp_path / "package", tmp_path / "package")
    monkeypatch.setattr(planning, "packages", lambda: (package,))
    assert not is_found_again(made, monkeypatch)
    planned(made, Prepared()).sweep.write()
    assert is_found_again(made, monkeypatch)
    time.sleep(0.01)
    (tmp_path / "package" / "module.py").write_text("number = 2\n")
    assert not is_found_again(made, monkeypatch)


def test_a_plan_that_refused_a_run_is_made_again(made: list[str]) -> None:
    asked = [*made[:2], "data=text", "data.paths=[text],[nowhere]", *made[4:]]
    first = planned(asked, Prepared())
    assert sorted(first.refused) == [2, 4]
    assert "nowhere" in first.refused[2]
    first.sweep.write()
    assert planned(asked, Prepared()).refused == first.refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is damaged"),
        ('{"version": 1, "plugins": []}\n', "is damaged"),
        ('{"version": 0}\n', "is of another version"),
        ("[1]\n", "is damaged"),
    ],
)
def test_a_damaged_plan_is_named_and_made_again(made: list[str], content: str, said: str) -> None:
    folder = planned(made, Prepared()).sweep.folder
    planning.plan_file(folder).write_text(content)
    with pytest.raises(UserError, match=said):
        PlannedSweep.read(folder)
    assert len(planned(made, Prepared()).sweep.runs) == 2


def test_a_sweep_has_one_results_folder(tmp_path: Path) -> None:
    folders = f"results_dir={tmp_path / 'a'},{tmp_path / 'b'}"
    with pytest.raises(UserError, match=r"results_dir has several values .* but a sweep has one results folder"):
        planned(["model=unigram", "data=chatterbot", folders, *SETTINGS], Prepared())
