"""`bakeoff lm-eval`, and lm_eval's own command with our models."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import status_of
from harness.lm_eval import TASKS_FOLDER
from tests.conftest import ROOT

RUN = ("data=chatterbot", "tracking=none", "evals=[perplexity]", "model=bigram")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    assert status_of(["run", *RUN, f"results_dir={folder}"]) == 0
    return folder


def lm_eval(results: Path, tasks: Path, *arguments: str) -> int:
    return status_of(["lm-eval", "bigram", "--results", str(results), "--include-path", str(tasks), *arguments])


def only_results(folder: Path) -> dict[str, Any]:
    [file] = folder.rglob("results_*.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_a_run_is_asked_by_lm_eval_s_own_command(results: Path, tasks: Path, tmp_path: Path) -> None:
    flags = ("--tasks", "toy_sums,toy_texts", "--limit", "3", "--output-path", str(tmp_path), "--log_samples")
    assert lm_eval(results, tasks, *flags) == 0
    found = only_results(tmp_path)
    assert {task: found["n-samples"][task]["effective"] for task in found["n-samples"]} == {
        "toy_sums": 3,
        "toy_texts": 3,
    }
    [fit] = (results / "fits").iterdir()
    assert found["config"]["model"] == "bakeoff"
    assert found["config"]["model_fit_id"] == fit.name
    [run] = results.glob("default/*")
    assert run.name in {path.name for path in tmp_path.iterdir()}
    samples = [json.loads(line) for path in tmp_path.rglob("samples_toy_sums_*") for line in path.open()]
    assert len(samples) == 3


def test_our_tasks_are_there_by_themselves(results: Path, tmp_path: Path) -> None:
    flags = ["--tasks", "bakeoff_arithmetic", "--limit", "2", "--output_path", str(tmp_path)]
    assert status_of(["lm-eval", "bigram", "--results", str(results), *flags]) == 0
    assert set(only_results(tmp_path)["results"]) == {
        f"bakeoff_arithmetic_{style}" for style in ("plain", "qa", "chat")
    }


def test_our_tasks_are_there_beside_those_of_a_folder(results: Path, tasks: Path, tmp_path: Path) -> None:
    flags = ("--tasks", "toy_sums,bakeoff_arithmetic_plain", "--limit", "1", "--output_path", str(tmp_path))
    assert lm_eval(results, tasks, *flags) == 0
    assert set(only_results(tmp_path)["results"]) == {"toy_sums", "bakeoff_arithmetic_plain"}


def test_chat_templates_apply(results: Path, tasks: Path, tmp_path: Path) -> None:
    flags = ("--tasks", "toy_written", "--apply_chat_template", "--num_fewshot", "1", "--log_samples", "--limit", "1")
    assert lm_eval(results, tasks, *flags, "--output_path", str(tmp_path)) == 0
    assert only_results(tmp_path)["chat_template"] == "human_assistant"
    [sample] = [json.loads(line) for path in tmp_path.rglob("samples_*") for line in path.open()]
    prompt = sample["arguments"]["gen_args_0"]["arg_0"]
    assert prompt.count("Human: ") == 2
    assert prompt.endswith("\n\nAssistant: ")


def test_cached_answers_are_used_again_by_the_same_run(
    results: Path, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--tasks", "toy_sums", "--limit", "3", "--use_cache", str(tmp_path / "kept"))
    assert lm_eval(results, tasks, *flags) == 0
    monkeypatch.delattr("harness.scoring.likelihood.score_targets")
    assert lm_eval(results, tasks, *flags) == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--tasks", "toy_summs"), ("toy_summs", "lm_eval ls tasks")),
        (("--tasks", "toy_sums", "--log_samples"), ("--output_path",)),
        (("--tasks", "far_away"), ("task far_away", "data set somebody/far_away", "HF_HUB_OFFLINE=0")),
        (("--tasks", "lost"), ("task lost", "nowhere.json")),
        (("--tasks", "toy_sums", "--batch_size", "0"), ("batch_size=0",)),
        (("--tasks", "toy_sums", "--model_args", "run=x"), ("--model_args", "the model is that of RUN")),
        (("--tasks", "toy_written", "--gen_kwargs", "num_beams=4"), ("num_beams=4",)),
    ],
)
def test_wrong_input_ends_with_status_2_and_one_message(
    results: Path, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], words: Any
) -> None:
    shutil.copytree(tasks, tmp_path, dirs_exist_ok=True)
    split = "test_split: test\ndoc_to_text: '?'\ndoc_to_target: '!'\n"
    (tmp_path / "far_away.yaml").write_text(f"task: far_away\ndataset_path: somebody/far_away\n{split}")
    lost = "dataset_path: json\ndataset_kwargs: {data_files: {test: /nowhere.json}}\n"
    (tmp_path / "lost.yaml").write_text(f"task: lost\n{lost}{split}")
    capsys.readouterr()
    assert lm_eval(results, tmp_path, *flags, "--limit", "2") == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert [line.startswith("bakeoff: ") for line in said.splitlines()].count(True) == 1
    for word in words:
        assert word in said


def test_a_flag_that_nobody_knows_is_refused(results: Path, tasks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        lm_eval(results, tasks, "--tasks", "toy_sums", "--frobnicate")
    assert "--frobnicate" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        status_of(["list", "models", "--frobnicate"])


def test_without_lm_eval_it_says_how_to_get_it(
    results: Path, tasks: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "lm_eval" else find_spec(name))
    assert lm_eval(results, tasks, "--tasks", "toy_sums") == 2
    assert "pip install '.[lm-eval]'" in capsys.readouterr().err
    assert status_of(["run", *RUN[:2], "evals=[lm_eval]", "evals.lm_eval.tasks=[x]", f"results_dir={results}"]) == 2
    assert "pip install '.[lm-eval]'" in capsys.readouterr().err
    assert status_of(["lm-eval", "--print-include-path"]) == 0
    assert capsys.readouterr().out.strip() == str(TASKS_FOLDER)


_LM_EVAL = """
import functools, runpy
from lm_eval.tasks import TaskManager
TaskManager.__init__ = functools.partialmethod(TaskManager.__init__, include_defaults=False)  # they take seconds
runpy.run_module("harness.lm_eval", run_name="__main__")
"""


def test_lm_eval_s_own_command_has_our_models_after_registration(results: Path, tmp_path: Path) -> None:
    run = ["run", "--model", "bakeoff", "--model_args", f"run=bigram,results={results}", "--limit", "2"]
    ours = ["--tasks", "bakeoff_arithmetic_plain", "--include_path", str(TASKS_FOLDER)]
    done = subprocess.run(
        [sys.executable, "-c", _LM_EVAL, *run, *ours, "--output_path", str(tmp_path / "out")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "exact_match" in done.stdout
    assert only_results(tmp_path / "out")["config"]["model_family"] == "bigram"
