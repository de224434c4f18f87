"""`bakeoff guard`, and a chat behind what it makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.main import status_of
from harness.completion.guard.guard import load_guard
from tests.commands import Fork, refused_without_torch
from tests.harness.completion.guard.made_up import sentences


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, word in (("good", "gentle"), ("bad", "blasted")):
        (tmp_path / f"{name}.txt").write_text("\n\n".join(sentences(0, 400, word)))
    return tmp_path


WORDS = [
    "--allow",
    "text 'data.paths=good.txt' 'data.separator=\"\\n\\n\"' data.test_fraction=0.2 data.validation_fraction=0.2",
    "--refuse",
    "text data.paths=bad.txt 'data.separator=\"\\n\\n\"' data.test_fraction=0.2 data.validation_fraction=0.2",
]


def test_it_says_how_often_it_errs_and_what_it_goes_by(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["guard", "mine", *WORDS, "--false-positive-rate", "0.05"]) == 0
    said, beside = capsys.readouterr()
    assert re.search(r"reading --allow .*good.*\n(.*data=text.*\n)*.*reading --refuse .*bad", beside)
    assert "false positives: allowed texts that are refused" in said
    assert "0.0 to" in said
    assert re.search(r"speaks most for refused: '\w*(bla|las|ast|ted)", said)
    assert "bakeoff chat RUN --guard mine" in said
    made = load_guard("mine")
    assert made.facts["false_positive_rate"] == 0.05
    assert made.refuses("what a blasted day")
    assert status_of(["guard", "mine", *WORDS]) == 2  # nothing is written over
    assert "mine" in capsys.readouterr().err


def test_what_can_t_be_is_refused_before_torch_is_loaded(folder: Path) -> None:
    asked = [
        ["guard", "mine", "--allow", "chatt", "--refuse", "chat"],
        ["guard", "mine", "--allow", "", "--refuse", "chat"],
    ]
    said = refused_without_torch(asked, folder)
    for words, part in zip(said, ("Did you mean 'chat'", "data="), strict=True):
        assert part in words
    assert not (folder / "mine").exists()


def test_a_chat_refuses_the_person_s_lines_and_the_model_s(
    uninterrupted: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["guard", "mine", *WORDS, "--false-positive-rate", "0.05"]) == 0
    name = next((uninterrupted / "results" / "default").glob("*/run.json")).parent
    options = ("--max-new-tokens", "10", "--guard", "mine")
    done = Fork(folder, "chat", str(name), *options, typed=b"a blasted day\na gentle day\n/raw\n/quit\n").done()
    assert done.returncode == 0, done.stderr
    assert "[the guard refuses this line, so the model doesn't read it. Say it in other words.]" in done.stdout
    assert "Human: a gentle day" in done.stdout
    assert "Human: a blasted day\n\nAssistant" not in done.stdout
    for options, why in (
        (("--guard", "mine", "--decoding", "beam"), "can't stand behind a search"),
        (("--guard", "nowhere"), "'nowhere' is not the folder of a guard"),
        (("--guard", "mine", "--no-stop"), "with --no-stop there are none that end"),
    ):
        assert status_of(["chat", str(name), *options]) == 2
        assert why in capsys.readouterr().err
