"""`bakeoff new` and `bakeoff check`: their output and exit status."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from harness.cli.main import status_of
from tests.commands import bakeoff, refused_without_torch


def test_a_check_that_fails_is_status_1_and_says_what_is_wrong(tmp_path: Path) -> None:
    bakeoff(tmp_path, "new", "model", "my_model")
    file = tmp_path / "my_model.py"
    file.write_text(file.read_text().replace("mass / mass.sum()", "mass / mass.max()"))
    done = bakeoff(tmp_path, "check", "model", "my_model.py", status=1)
    assert "FAIL  probabilities sum to one: " in done.stdout
    assert "pass  the empty prompt has a distribution" in done.stdout
    file.write_text("import no_such_thing\n")
    for kind in ("eval", "model", "decoding"):
        done = bakeoff(tmp_path, "check", kind, "my_model.py", status=1)
        assert "FAIL  it can be imported" in done.stdout
        assert "no_such_thing" in done.stdout
        assert "Traceback" in done.stderr
    done = bakeoff(tmp_path, "check", "model", "lstn", status=2)
    assert "Did you mean 'lstm'?" in done.stderr


@pytest.mark.parametrize(
    ("kind", "pick"),
    [
        ("eval", "evals=[perplexity,./mine/my_one.py]"),
        ("model", "model=./mine/my_one.py"),
        ("decoding", "decoding=./mine/my_one.py"),
        ("reward", "rewards=[hands_back_in_time,./mine/my_one.py]"),
    ],
)
def test_new_names_the_files_and_the_next_commands(
    kind: str, pick: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of(["new", kind, "my_one", "--folder", "mine"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written: mine/my_one.py",
        "written: mine/my_one.yaml",
        "written: mine/test_my_one.py",
        f'next: bakeoff check {kind} "./mine/my_one.py"',
        f'      bakeoff run "{pick}"{" decoding=best_by_reward" if kind == "reward" else ""}',  # else it scores nothing
        '      python -m pytest "mine/test_my_one.py"',
    ]


def test_new_names_pytest_only_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pytest" else find_spec(name))
    assert status_of(["new", "eval", "my_one", "--folder", str(tmp_path)]) == 0
    assert "pytest" not in capsys.readouterr().out.replace(str(tmp_path), "")


NO_SCORE = """
from dataclasses import dataclass

from harness.evaluation import Eval


@dataclass(frozen=True)
class Unfinished(Eval):
    name, version = "unfinished", 1

    def samples(self, material):
        return []

    def requests(self, sample, material):
        return []
"""

# Wrong command lines of `bakeoff check`, and what is said of them.
REFUSED = {
    ("eval", "perplexty"): "Did you mean 'perplexity'?",
    ("eval", "absent.py"): "absent.py can't be read (No such file or directory)",
    ("eval", "unfinished.py"): "Unfinished lacks score, which every Eval must have.",
    ("eval", "arithmetic", "evals.arithmetic.max_digits=0"): "max_digits=0 are not allowed",
    ("model", "ngram", "model.order=0"): "order=0 is not allowed for model=ngram: it must be 1 to 20",
    ("decoding", "greedy", "decoding.chooser.ties=x"): "decoding.chooser.ties='x' is not allowed",
    ("data", "chat", "data.seeed=1"): "data.seeed is not an option",
    ("tokenizer", "bpe", "tokenizer.vocab_size=1e9"): "vocab_size=1000000000 is not allowed",
}


def test_a_wrong_check_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "unfinished.py").write_text(NO_SCORE)
    said = refused_without_torch([["check", *words] for words in REFUSED], tmp_path)
    assert len(said) == len(REFUSED)
    for message, line in zip(REFUSED.values(), said, strict=True):
        assert message in line


EXITS = """
import sys
from dataclasses import dataclass

from harness.evaluation import Complete, Eval, Measure, Sample, Score


@dataclass(frozen=True)
class Leaves(Eval):
    name, version = "leaves", 1
    measures = (Measure("right"),)

    number: int = 0

    def samples(self, material):
        return [Sample("a", "a")]

    def requests(self, sample, material):
        return [Complete(sample.prompt, 2)]

    def score(self, sample, answers, material):
        sys.exit(0)
"""


def test_an_eval_that_ends_the_program_fails_its_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "leaves.py"
    file.write_text(EXITS)
    assert status_of(["check", "eval", str(file)]) == 1
    *_, last = capsys.readouterr().out.splitlines()
    assert last.endswith("5 passed, 10 failed, 1 skipped")
    file.write_text(
        EXITS.replace("    def samples", "    def __post_init__(self):\n        sys.exit(0)\n\n    def samples")
    )
    assert status_of(["check", "eval", str(file)]) == 1
    assert "FAIL  it can be imported: evals.leaves" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("decoding", "greedy", "decoding.chooser.ties=x"), "decoding.chooser.ties='x'"),
        (("decoding", "greedy", "tokenizer=bpe", "tokenizer.vocab_size=x"), "tokenizer.vocab_size='x'"),
        (("model", "ngram", "model.order=x"), "model.order='x'"),
        (("eval", "arithmetic", "evals.arithmetic.num_samples=x"), "evals.arithmetic.num_samples='x'"),
        (("eval", "arithmetic", "data=mixture", "data.weights=x"), "data.weights='x'"),
        (("data", "mixture", "data.weights=x"), "data.weights='x'"),
        (("tokenizer", "bpe", "tokenizer.vocab_size=x"), "tokenizer.vocab_size='x'"),
        (("tokenizer", "bpe", "data=mixture", "data.weights=x"), "data.weights='x'"),
    ],
)
def test_a_wrong_override_is_the_user_s_mistake_and_no_failed_check(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["check", *words]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""


@pytest.mark.parametrize(("words", "missing"), [(("eval",), ["NAME"]), ((), ["KIND", "NAME"])])
def test_only_what_is_required_is_said_to_be_required(
    words: tuple[str, ...], missing: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        status_of(["check", *words])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert [name for name in ("KIND", "NAME", "OVERRIDE") if f"{name} is missing" in said] == missing


def test_a_check_that_passes_is_status_0_and_counts_its_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["check", "decoding", "top_p", "decoding.transforms.top_p.p=0.5"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) > 3
    assert all(line.startswith(("pass  ", "skip  ")) for line in lines)
    passed = sum(line.startswith("pass") for line in lines)
    assert last == f"decoding top_p: {passed} passed, 0 failed, {len(lines) - passed} skipped"
