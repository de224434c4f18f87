"""The command line as a user meets it: whole processes, real data, small budgets."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.commands import Fork, bakeoff, environment
from tests.conftest import ROOT

SMALL = (
    "data=chatterbot",
    "tracking=none",
    "budget.tokens=40000",
    "training.checkpoint_seconds=0.05",
    "evals.arithmetic.num_samples=20",
    "evals.turn_taking.num_samples=10",
    "evals.turn_taking.max_new_tokens=40",
    "evals.format_questions.max_new_tokens=40",
    "evals.turn_ends.num_samples=10",
    "evals.showcase.max_new_tokens=20",
)
LSTM = ("model=lstm", "model.d_model=48", "training.num_validations=4")


def only_run(folder: Path) -> Path:
    [found] = (folder / "results").glob("default/*/run.json")
    return found.parent


def findings(folder: Path) -> dict[str, object]:
    """What a run found, without when and on what it ran."""
    run = only_run(folder)
    record = json.loads((run / "run.json").read_text())
    samples = pd.read_parquet(run / "samples.parquet")
    curve = pd.read_parquet(run / "curve.parquet").drop(columns=["seconds", "tokens_per_second"])
    weights = (folder / "results" / "fits" / record["fit_id"] / "weights.safetensors").read_bytes()
    kept = ("run_id", "fit_id", "status", "metrics", "cost", "data")
    return {
        **{name: record[name] for name in kept},
        "spent": {name: record["spent"][name] for name in ("tokens", "steps", "flops")},
        "samples": samples.to_json(),
        "curve": curve.to_json(),
        "weights": weights,
    }


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    bakeoff(folder, "run", *SMALL, *LSTM, fresh=True)
    return folder


def test_a_run_leaves_its_record_and_its_files(uninterrupted: Path) -> None:
    run = only_run(uninterrupted)
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "complete"
    asked = {"perplexity", "arithmetic", "turn_taking", "format_questions", "turn_ends"}
    assert {metric["eval"] for metric in record["metrics"]} == {*asked, "next_speaker"}  # which has no samples
    for name in ("config.yaml", "samples.parquet", "curve.parquet", "log.txt", "text/showcase.txt"):
        assert (run / name).stat().st_size > 0
    fit = uninterrupted / "results" / "fits" / record["fit_id"]
    assert {"weights.safetensors", "model.json", "tokenizer.json", "fit.json"} <= {path.name for path in fit.iterdir()}
    assert not list(fit.glob("train_state*"))
    samples = pd.read_parquet(run / "samples.parquet")
    assert set(samples["eval"]) == {*asked, "showcase"}
    assert not samples.duplicated(["eval", "sample_id"]).any()
    for metric in record["metrics"]:
        assert metric["n"] <= metric["n_total"]
        assert (metric["value"] is None) == (metric["n"] == 0) or metric["reason"]


def test_the_same_command_again_does_nothing(uninterrupted: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (uninterrupted / "results").rglob("*") if path.is_file()}
    done = bakeoff(uninterrupted, "run", *SMALL, *LSTM)
    assert "nothing to do" in done.stderr
    after = {path: path.stat().st_mtime_ns for path in (uninterrupted / "results").rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} <= {only_run(uninterrupted) / ".lock"}


def test_the_saved_configuration_makes_the_same_run(uninterrupted: Path) -> None:
    done = bakeoff(uninterrupted, "run", "--config-from", only_run(uninterrupted).name)
    assert only_run(uninterrupted).name in done.stdout
    assert "nothing to do" in done.stderr


def killed_when(folder: Path, ready: Callable[[], bool], *arguments: str) -> bool:
    """Start a command and kill it, hard, as soon as `ready`; False where it ended before that."""
    fork = Fork(folder, *arguments)
    while fork.process.exitcode is None:
        if ready():
            fork.process.kill()
            fork.process.join()
            return True
        time.sleep(0.002)
    return False


def test_a_fit_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, uninterrupted: Path) -> None:
    fits = tmp_path / "results" / "fits"
    assert killed_when(tmp_path, lambda: any(fits.glob("*/train_state.safetensors")), "run", *SMALL, *LSTM)
    assert not list((tmp_path / "results").glob("default/*/run.json"))
    done = bakeoff(tmp_path, "run", *SMALL, *LSTM)
    assert "going on from the checkpoint" in done.stderr
    assert findings(tmp_path) == findings(uninterrupted)


@pytest.mark.parametrize("left", ["answers/*/*.jsonl", "scores/*.parquet"])
def test_an_eval_that_was_killed_is_finished_without_fitting_again(
    tmp_path: Path, uninterrupted: Path, left: str
) -> None:
    results = tmp_path / "results"
    assert killed_when(tmp_path, lambda: any(results.glob(left)), "run", *SMALL, *LSTM)
    assert not list((tmp_path / "results").glob("default/*/run.json"))
    done = bakeoff(tmp_path, "run", *SMALL, *LSTM)
    assert "fitting" not in done.stderr
    assert findings(tmp_path) == findings(uninterrupted)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(5))
def test_a_run_killed_again_and_again_at_any_moment_ends_as_if_it_had_not_been(
    tmp_path: Path, uninterrupted: Path, seed: int
) -> None:
    rng = random.Random(seed)
    (tmp_path / "timed").mkdir()
    started = time.monotonic()
    bakeoff(tmp_path / "timed", "run", *SMALL, *LSTM)
    whole = time.monotonic() - started
    kills = 0
    for _ in range(20):
        until = time.monotonic() + rng.uniform(0.1, 0.9) * whole
        kills += killed_when(tmp_path, lambda until=until: time.monotonic() > until, "run", *SMALL, *LSTM)
    bakeoff(tmp_path, "run", *SMALL, *LSTM)
    assert kills > 0
    assert findings(tmp_path) == findings(uninterrupted)


def test_four_decoding_strategies_share_one_fit_and_one_perplexity(uninterrupted: Path, tmp_path: Path) -> None:
    shutil.copytree(uninterrupted / "results", tmp_path / "results")
    done = bakeoff(tmp_path, "run", "-m", *SMALL, *LSTM, "decoding=greedy,temperature,top_k,top_p")
    assert "fitting" not in done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("default/*/run.json")]
    assert len(records) == 4
    assert len({record["fit_id"] for record in records}) == 1
    # one each of what is scored without writing, four each of what depends on decoding
    assert len(list((tmp_path / "results" / "scores").glob("*.parquet"))) == 3 + 4 * 4


def test_two_processes_that_want_one_fit_make_it_once(tmp_path: Path, uninterrupted: Path) -> None:
    both = [Fork(tmp_path, "run", *SMALL, *LSTM, f"decoding={decoding}") for decoding in ("greedy", "top_p")]
    ended = [fork.done() for fork in both]
    assert [done.returncode for done in ended] == [0, 0]
    assert sum("fitted lstm" in done.stderr for done in ended) == 1
    assert len(list((tmp_path / "results" / "fits").iterdir())) == 1


def test_a_fitted_model_completes_and_scores(uninterrupted: Path) -> None:
    name = only_run(uninterrupted).name
    made = json.loads(bakeoff(uninterrupted, "complete", name[:6], "Human: ", "--json", "--samples", "2").stdout)
    assert len(made["completions"]) == 2
    text = uninterrupted / "some.txt"
    text.write_text("What is AI? ünïcødé 🙂\n", encoding="utf-8")
    found = json.loads(bakeoff(uninterrupted, "score", name, str(text), "--json", "--per-token").stdout)
    assert found["total"]["num_bytes"] == len(text.read_bytes())
    assert sum(-token["logprob"] for token in found["files"][0]["tokens"]) == pytest.approx(found["total"]["nats"])
    said = Fork(uninterrupted, "chat", name, "--max-new-tokens", "10", typed=b"hello\n/quit\n").done()
    assert said.returncode == 0
    assert "Assistant:" in said.stdout


def test_the_same_files_read_as_text_and_as_transcripts_are_two_runs(tmp_path: Path) -> None:
    texts = [f"Human: How is day {day}?\n\nAssistant: Day {day} is fine." for day in range(100)]
    (tmp_path / "talks.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    picks = ("data=text", "data.paths=talks.jsonl", "model=unigram", "tracking=none", "evals=[turn_taking]")
    bakeoff(tmp_path, "run", *picks, "data.transcripts=false")
    as_text = only_run(tmp_path)
    bakeoff(tmp_path, "run", *picks, "data.transcripts=true")
    [as_transcripts] = {path.parent for path in (tmp_path / "results").glob("default/*/run.json")} - {as_text}
    assert len(pd.read_parquet(as_text / "samples.parquet")) == 0
    assert len(pd.read_parquet(as_transcripts / "samples.parquet")) > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "model=lstn"), ("model=lstn", "Did you mean 'lstm'?", "Allowed: ", "transformer")),
        (("run", "seeed=1"), ("seeed", "Did you mean 'seed'?")),
        (("run", "model.ordr=3"), ("model.ordr", "Did you mean 'order'?")),
        (("run", "+model.extra=3"), ("model.extra", "Allowed: ")),
        (("run", "budget.tokens=-5"), ("budget.tokens=-5", "above 0")),
        (("run", "budget.tokens=many"), ("budget.tokens='many'", "a whole number")),
        (("run", "evals=[perplxity]"), ("perplxity", "Did you mean 'perplexity'?")),
        (("run", "evals.arithmetic.operations=[/]"), ("evals.arithmetic.operations", "one of +, -, x")),
        (("run", "seed=-1"), ("seed=-1", "0 up")),
        (("run", "device=gpu"), ("device='gpu'", "auto, cpu, cuda")),
        (("run", "experiment=familys"), ("familys", "families")),
        (("run", "-m", "model=ngram,lstn"), ("lstn", "Did you mean 'lstm'?")),
        (("run", "--config-from", "nothing"), ("nothing", "no run")),
        (("run", *SMALL, "model=lstm", "budget.num_params=100"), ("num_params=100", "too small", "smallest width")),
        (("run", "data=text"), ("paths",)),
        (("complete", "nothing", "a"), ("no run 'nothing'", "bakeoff run")),
        (("complete", "nothing", ""), ("nothing to go on from", "Give some text")),
        (("report", "nowhere"), ("nowhere",)),
        (("list", "modles"), ("models",)),
        (("run", "evals=[absent.py]"), ("absent.py", "can't be read", "No such file")),
        (("rescore", "nothing"), ("no run 'nothing'",)),
        (("check", "eval", "nothing"), ("evals=nothing is not known", "perplexity")),
        (("new", "evil", "my_eval"), ("eval", "model", "decoding")),
        (("frobnicate",), ("compare", "chat")),
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


def test_another_package_of_our_name_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    done = bakeoff(tmp_path, "list", "models", status=2, fresh=True, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert str(tmp_path / "models") in done.stderr
    assert "Rename or move" in done.stderr


def test_a_fit_that_diverges_is_a_failed_run_and_status_1(tmp_path: Path) -> None:
    overrides = (*SMALL, *LSTM, "model.learning_rate=1e30,0.004", "training.max_grad_norm=1e30")
    done = bakeoff(tmp_path, "run", "-m", *overrides, status=1)
    assert "Lower model.learning_rate" in done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("default/*/run.json")]
    assert {record["model"]["learning_rate"]: record["status"] for record in records} == {
        1e30: "failed",
        0.004: "complete",
    }
    [failed] = [record for record in records if record["status"] == "failed"]
    assert "Diverged" in failed["error"]
    assert failed["metrics"] == []
    bakeoff(tmp_path, "report")
    page = (tmp_path / "results" / "default" / "report" / "report.html").read_text()
    assert "Diverged" in page


def test_a_report_is_made_where_torch_is_not_importable(uninterrupted: Path, tmp_path: Path) -> None:
    shutil.copytree(uninterrupted / "results", tmp_path / "results")
    for name in ("torch", "wandb", "hydra"):
        (tmp_path / "blocked" / name).mkdir(parents=True)
        (tmp_path / "blocked" / name / "__init__.py").write_text("raise ImportError('blocked by the test')")
    bakeoff(tmp_path, "report", fresh=True, PYTHONPATH=f"{tmp_path / 'blocked'}{os.pathsep}{ROOT}")
    assert (tmp_path / "results" / "default" / "report" / "report.html").is_file()


def test_an_installed_wheel_finds_its_configuration_from_any_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheel")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = (tmp_path / "wheel").glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    # what is installed is imported by who asks for it, and never at the start of every Python
    assert not list((tmp_path / "site").glob("*.pth"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    site = {"PYTHONPATH": str(tmp_path / "site")}
    assert "ngram" in bakeoff(elsewhere, "list", "models", fresh=True, **site).stdout
    bakeoff(elsewhere, "new", "eval", "my_eval", fresh=True, **site)
    overrides = ("data=chatterbot", "tracking=none", "evals=[perplexity]", "model=unigram")
    bakeoff(elsewhere, "run", *overrides, fresh=True, **site)
    bakeoff(elsewhere, "report", fresh=True, **site)


@pytest.mark.parametrize("trouble", ["crash", "hang", "unwritable"])
def test_trouble_in_wandb_is_one_warning_and_the_run_is_complete(tmp_path: Path, trouble: str) -> None:
    (tmp_path / "wandb").mkdir()
    body = {"crash": "import os; os._exit(9)", "hang": "import time; time.sleep(100)", "unwritable": ""}[trouble]
    (tmp_path / "wandb" / "__init__.py").write_text(body)
    if trouble == "unwritable":
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "wandb").write_text("a file where the folder should be")
    overrides = (*SMALL, "model=unigram", "tracking=wandb", "tracking.timeout_seconds=3")
    done = bakeoff(tmp_path, "run", *overrides, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.stderr.count("wandb:") == 1
    record = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["wandb"]["warning"]


def test_the_mirror_holds_the_run_offline(tmp_path: Path) -> None:
    bakeoff(tmp_path, "run", *SMALL, "model=bigram", "tracking=wandb")
    record = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert record["wandb"]["mode"] == "offline"
    assert "warning" not in record["wandb"]
    assert list((tmp_path / "results" / "wandb").glob(f"offline-run-*-{record['wandb']['run_id']}/*.wandb"))
