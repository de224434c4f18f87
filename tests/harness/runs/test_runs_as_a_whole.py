"""The command line as a user runs it: whole processes, real data, small budgets."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.commands import Fork, bakeoff
from tests.harness.runs.plugin_runs import MODEL, TOKENIZER, record_of, runs_in
from tests.harness.small_run import LSTM, SMALL, only_run


def findings(folder: Path) -> dict[str, object]:
    """A run's results, without times and machine."""
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


def test_a_run_leaves_its_record_and_its_files(uninterrupted: Path) -> None:
    run = only_run(uninterrupted)
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "complete"
    eval_names = {"perplexity", "arithmetic", "turn_taking", "format_questions", "turn_ends"}
    assert {metric["eval"] for metric in record["metrics"]} == {*eval_names, "next_speaker"}  # which has no samples
    for name in ("config.yaml", "samples.parquet", "curve.parquet", "log.txt", "text/showcase.txt"):
        assert (run / name).stat().st_size > 0
    fit = uninterrupted / "results" / "fits" / record["fit_id"]
    assert {"weights.safetensors", "model.json", "tokenizer.json", "fit.json"} <= {path.name for path in fit.iterdir()}
    assert not list(fit.glob("train_state*"))
    samples = pd.read_parquet(run / "samples.parquet")
    assert set(samples["eval"]) == {*eval_names, "showcase"}
    assert not samples.duplicated(["eval", "sample_id"]).any()
    for metric in record["metrics"]:
        assert metric["n"] <= metric["n_total"]
        assert (metric["value"] is None) == (metric["n"] == 0) or metric["reason"]


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
    assert "continuing from the checkpoint" in done.stderr
    assert findings(tmp_path) == findings(uninterrupted)


@pytest.mark.parametrize("left", ["answers/*/*.txt", "scores/*.parquet"])
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


def test_a_model_and_a_tokenizer_of_files_are_read_back_once_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(MODEL)
    (tmp_path / "my_tokenizer.py").write_text(TOKENIZER)
    picks = ("model=./my_model.py", "tokenizer=./my_tokenizer.py", "data=chatterbot", "tracking=none")
    bakeoff(tmp_path, "run", *picks, "evals=[perplexity]")
    [run] = runs_in(tmp_path)
    assert set(record_of(run)["plugins"].values()) == {
        str(tmp_path / f"my_{what}.py") for what in ("model", "tokenizer")
    }
    name = ("complete", run.name, "Hello", "--max-new-tokens", "5")
    assert f"--plugin {tmp_path / 'my_tokenizer.py'}" in bakeoff(tmp_path, *name, status=2).stderr
    half = bakeoff(tmp_path, *name, "--plugin", "my_tokenizer.py", status=2)
    assert f"--plugin {tmp_path / 'my_model.py'}" in half.stderr
    both = ("--plugin", "my_tokenizer.py", "--plugin", "my_model.py")
    bakeoff(tmp_path, *name, *both)
    (tmp_path / "text.txt").write_text("Hello")
    scored = json.loads(bakeoff(tmp_path, "score", run.name, "text.txt", "--json", *both).stdout)
    assert scored["total"]["num_tokens"] == 5
    (tmp_path / "my_model.py").write_text(MODEL.replace("Nothing is learnt", "Not a thing is learnt"))
    assert "another my_model.py than" in bakeoff(tmp_path, *name, *both, status=2).stderr
