"""The command from any folder; wrong input gives one message and status 2."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.cli import COMMANDS
from harness.cli.main import status_of
from harness.common.errors import UserError
from tests.commands import bakeoff, environment
from tests.conftest import ROOT
from tests.harness.small_run import SMALL


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "model=lstn"), ("model=lstn", "Did you mean 'lstm'?", "Allowed: ", "transformer")),
        (("run", "seeed=1"), ("seeed", "Did you mean 'seed'?")),
        (("run", "model.ordr=3"), ("model.ordr", "Did you mean 'order'?")),
        (("run", "model=3"), ("model=3", "names no option", "Allowed: ")),
        (("run", "-m", "model=3", "seed=0,1"), ("model=3", "must be a string")),
        (("run", "+model.extra=3"), ("model.extra", "Allowed: ")),
        (("run", "budget.tokens=-5"), ("budget.tokens=-5", "above 0")),
        (("run", "budget.tokens=many"), ("budget.tokens='many'", "a whole number")),
        (("run", "evals=[perplxity]"), ("perplxity", "Did you mean 'perplexity'?")),
        (("run", "evals.arithmetic.operations=[/]"), ("evals.arithmetic.operations", "one of +, -, x")),
        (("run", "seed=-1"), ("seed=-1", "from 0 to")),
        (("run", "device=gpu"), ("device='gpu'", "auto, cpu, cuda")),
        (("run", "experiment=familys"), ("familys", "families")),
        (("run", "-m", "model=ngram,lstn"), ("lstn", "Did you mean 'lstm'?")),
        (("run", "--config-from", "nothing"), ("nothing", "no run")),
        (("run", *SMALL, "model=lstm", "budget.num_params=100"), ("num_params=100", "too small", "smallest width")),
        (("run", "data=text"), ("paths",)),
        (("run", "budget.tokens=1,000,000"), ("A number has no commas: budget.tokens=1000000.",)),
        (("run", "rewards=[length]"), ("rewards=[length] changes nothing", "post=[sft,rloo]", "leave it out")),
        (
            ("run", "model=gru", "budget.num_params=20000", "model.d_model=64"),
            ("model.d_model=64 changes nothing", "budget.num_params=20,000", "budget.num_params=null"),
        ),
        (
            ("run", "-m", "model=gru", "budget.num_params=20000", "model.d_model=32,64"),
            ("model.d_model=32,64 changes nothing", "budget.num_params=null"),
        ),
        (("complete", "nothing", "a"), ("no run 'nothing'", "bakeoff run")),
        (("complete", "nothing", ""), ("the prompt is empty", "Give some text")),
        (("report", "nowhere"), ("nowhere",)),
        (("list", "modles"), ("models",)),
        (("run", "evals=[absent.py]"), ("absent.py", "can't be read", "No such file")),
        (("rescore", "nothing"), ("no run 'nothing'",)),
        (("check", "eval", "nothing"), ("evals=nothing is not known", "perplexity")),
        (("new", "evil", "my_eval"), ("eval", "model", "decoding")),
        (("frobnicate",), ("compare", "chat")),
        (("runn",), ("Did you mean 'run'?",)),
        ((), ("COMMAND",)),
    ],
)
def test_wrong_input_ends_with_status_2_and_one_message(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = bakeoff(tmp_path, *arguments, status=2)
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--seed", "1"], "--seed is not known here. Settings are written without dashes: seed=1."),
        (["run", "--seed=1"], "--seed=1 is not known here. Settings are written without dashes: seed=1."),
        (["run", "--multirun=3", "seed=1"], "-m/--multirun takes no value, but got '3'. Leave the value out."),
        (["complete", "x", "y", "--json=1"], "--json takes no value, but got '1'. Leave the value out."),
        (["list", "runs", "--results"], "--results needs a value after it: --results DIR, the results folder with"),
        (["run", "-seed=1"], "Settings are written without dashes: seed=1."),
        (["run", "--model", "lstm", "seed=1"], "Settings are written without dashes: model=lstm."),
        (["run", "--budget.tokens", "5"], "Settings are written without dashes: budget.tokens=5."),
        (["run", "--results-dir", "x"], "Settings are written without dashes: results_dir=x."),
        (["run", "--results", "x"], "Did you mean 'results_dir'? Settings are written without dashes"),
        (["run", "--sead", "1"], "Did you mean 'seed'? Settings are written without dashes"),
        (["run", "--plugn", "x.py"], "Did you mean '--plugin'?"),
        (["compare", "--seed", "1"], "Settings are written without dashes: seed=1."),
        (["compare", "-m", "seed=1,2"], "-m/--multirun is not needed: compare takes comma lists anyway."),
        (["-m", "model=lstm"], "-m is not known here. It is an option of: run. A command comes first: compare, run, "),
        (["--versoin"], "--versoin is not known here. Did you mean '--version'?"),
        (["--run", "model=lstm"], "--run is not known here. Did you mean 'run'?"),
        (["complete", "r", "--prompt", "x"], "PROMPT is written without --prompt: bakeoff complete RUN PROMPT."),
        (["complete", "r", "x", "y"], "bakeoff complete takes RUN PROMPT. A name or text with blanks is written in "),
        (["complete", "r", "the", "king", "is"], "is written in quotes: 'the king is'."),
        (["new", "eval", "my", "eval"], "eval is not known here. bakeoff new takes KIND NAME. A name or text with "),
        (["guard", "x", "--allow", "chat"], "--refuse is missing: what they may not: a data set, as chat, or one with"),
        (["guard", "x", "--allow", "chat"], "Write bakeoff guard DIR --allow DATA --refuse DATA."),
        (["list"], "WHAT is missing: models, tokenizers, data, formats, "),
        (
            ["check"],
            "KIND is missing: eval, model, decoding, data, tokenizer, reward. NAME is missing: an option's name, ",
        ),
        (
            ["check", "eval"],
            "error: NAME is missing: an option's name, or a Python file. Write bakeoff check KIND NAME.\n",
        ),
        (
            ["complete"],
            "RUN is missing: a run, by the beginning of its id, EXPERIMENT/ID, @latest, @best, or its folder.",
        ),
        (
            ["complete", "x"],
            "PROMPT is missing: the text to continue (\\n is a line break). Write bakeoff complete RUN PROMPT.",
        ),
        (
            ["complete", "x", "y", "--max-new-tokens", "lots"],
            "'lots' is not allowed: it must be a whole number, 0 or more",
        ),
        (["chat", "x", "--max-new-tokens"], "--max-new-tokens needs a value after it: --max-new-tokens N, "),
        (["power", "--models", "a"], "--models needs a value after it: --models MODEL MODEL, two models"),
        ([], "COMMAND is missing: one of compare, run, "),
        (["check", "model", "lstm", "--seed", "1"], "Settings are written without dashes: seed=1."),
        (["complete", "x", "hi", "--sead", "3"], "--sead 3 is not known here. Did you mean '--seed'?"),
        (["complete", "x", "hi", "seed=3"], "Did you mean --seed 3?"),
        (["report", "--decoding", "top_p"], "It is an option of: complete, chat."),
        (["list", "modles"], "'modles' is not known. Did you mean 'models'? Allowed: models, tokenizers, data"),
        (["list", "model"], "Did you mean 'models'?"),
        (["check", "evals", "x"], "Did you mean 'eval'? Allowed: eval, model, decoding"),
    ],
)
def test_a_slip_in_a_command_s_words_is_told_with_what_was_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        status_of(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "mine"], "Did you mean experiment=mine.yaml?"),
        (["run", "model=my_net"], "model=my_net is not known. Did you mean './my_net.py'?"),
        (["check", "eval", "my_net"], "Did you mean './my_net.py'?"),
        (["run", "data=novels"], "For the text of that folder: data=text 'data.paths=["),
        (["run", "data=novels/one.txt"], "For the text of that file: data=text 'data.paths=[novels/one.txt]'."),
    ],
)
def test_a_file_that_lies_there_is_what_was_meant(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.yaml", "my_net.py", "novels/one.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert status_of(words) == 2
    assert said in capsys.readouterr().err


def test_a_mistyped_key_in_an_experiment_file_is_refused(tmp_path: Path) -> None:
    for name in ("harness", "models", "evals"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: lstm\nmodel:\n  num_layer: 3\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", _WITH_CONF, "run", "experiment=mine"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "model.num_layer" in done.stderr
    assert "Did you mean 'num_layers'?" in done.stderr


_WITH_CONF = """
import sys
from pathlib import Path
from harness.config import options
options.conf_dir = lambda: Path("conf").resolve()
from harness.cli.main import main
main()
"""


def test_another_package_with_our_name_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    done = bakeoff(tmp_path, "list", "models", status=2, fresh=True, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert str(tmp_path / "models") in done.stderr
    assert "Rename or move" in done.stderr


def test_an_installed_wheel_finds_its_configuration_from_any_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheel")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = (tmp_path / "wheel").glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    # the installed package is imported only on use, not at the start of every Python process
    assert not list((tmp_path / "site").glob("*.pth"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    site = {"PYTHONPATH": str(tmp_path / "site")}
    assert "ngram" in bakeoff(elsewhere, "list", "models", fresh=True, **site).stdout
    bakeoff(elsewhere, "new", "eval", "my_eval", fresh=True, **site)
    overrides = ("data=chatterbot", "tracking=none", "evals=[perplexity]", "model=unigram")
    bakeoff(elsewhere, "run", *overrides, fresh=True, **site)
    bakeoff(elsewhere, "report", fresh=True, **site)


def test_data_that_fail_to_load_end_the_command_and_name_it(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(
        "from dataclasses import dataclass\n\nfrom harness.text.data.corpus import DataSource\n\n\n"
        "@dataclass(frozen=True)\n"
        "class Words(DataSource):\n    name = 'words'\n\n    def load(self):\n        return {}['absent']\n"
    )
    done = bakeoff(tmp_path, "run", "data=words.py", "tracking=none", status=2)
    assert "Words fails to load its data: KeyError: 'absent'" in done.stderr
    assert "words.py" in done.stderr


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UserError("give more text"), 2, "bakeoff: give more text\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.txt"), 1, "(a.txt): No space left on device. Nothing"),
        (PermissionError(errno.EACCES, "Permission denied"), 1, "refused to write or read: Permission denied"),
    ],
)
def test_an_error_of_the_system_is_one_message_and_a_status(
    error: BaseException, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "fetch", dataclasses.replace(COMMANDS["fetch"], do=raising(error)))
    assert status_of(["fetch"]) == status
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "number", "advice"),
    [
        (("run", "model=bigram"), errno.EFBIG, "(ulimit -f unlimited), or name another folder with results_dir=."),
        (("compare",), errno.ENOSPC, "Free some space, or name another folder with results_dir=."),
        (("list", "runs"), errno.EACCES, "Correct the permissions, or name another folder with --results."),
        (("complete", "a", "b"), errno.EROFS, "Correct the permissions, or name another folder with --results."),
        (("fetch",), errno.ENOSPC, "Free some space. Then"),
    ],
)
def test_the_advice_names_what_the_command_takes(
    words: tuple[str, ...],
    number: int,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = raising(OSError(number, "refused"))
    monkeypatch.setitem(COMMANDS, words[0], dataclasses.replace(COMMANDS[words[0]], do=refused))
    assert status_of(words) == 1
    assert advice in capsys.readouterr().err


def test_an_error_of_ours_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (FileNotFoundError(errno.ENOENT, "No such file"), ValueError("a bug")):
        monkeypatch.setitem(COMMANDS, "fetch", dataclasses.replace(COMMANDS["fetch"], do=raising(error)))
        with pytest.raises(type(error)):
            status_of(["fetch"])


def raising(error: BaseException) -> Callable[[Namespace], int]:
    def do(_: Namespace) -> int:
        raise error

    return do


def test_options_and_overrides_of_a_run_come_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Namespace] = []

    def note(arguments: Namespace) -> int:
        given.append(arguments)
        return 0

    monkeypatch.setitem(COMMANDS, "run", dataclasses.replace(COMMANDS["run"], do=note))
    for words in (["-m", "model=a", "seed=1"], ["model=a", "-m", "seed=1"], ["model=a", "seed=1", "--multirun"]):
        assert status_of(["run", *words]) == 0
    assert [(one.multirun, one.overrides) for one in given] == [(True, ["model=a", "seed=1"])] * 3
    assert status_of(["run", "results_dir=x", "--config-from", "lstm"]) == 0
    assert (given[-1].config_from, given[-1].overrides) == ("lstm", ["results_dir=x"])


def test_the_version_is_shown_with_those_of_the_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        status_of(["--version"])
    assert end.value.code == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"bakeoff {version('bakeoff')}")
    assert f"torch {version('torch')}" in second.split(", ")


def test_a_plugin_that_ends_the_program_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leaves(arguments: Namespace) -> int:
        raise SystemExit(0)

    monkeypatch.setitem(COMMANDS, "fetch", dataclasses.replace(COMMANDS["fetch"], do=leaves))
    assert status_of(["fetch"]) == 1
    assert "a plugin ended the program (SystemExit: 0)" in capsys.readouterr().err


def test_a_working_folder_that_was_deleted_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert status_of(["list", "models"]) == 2
    assert "the current folder was deleted. Go to one that is there" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Python always expects UTF-8")
def test_letters_that_python_is_told_not_to_read_are_refused(tmp_path: Path) -> None:
    without_utf8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = bakeoff(tmp_path, "complete", "any", "caf\u00e9", status=2, fresh=True, **without_utf8)
    assert "caf\\xe9 can't be read: it isn't ASCII" in done.stderr
    assert "Set PYTHONUTF8=1" in done.stderr
    bakeoff(tmp_path, "list", "models", fresh=True, **without_utf8)
