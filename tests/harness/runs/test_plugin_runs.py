"""Plugin files in whole runs: broken ones cost the others nothing, and what was answered is scored again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.harness.runs.test_end_to_end import bakeoff

RUN = ("run", "model=bigram", "data=chatterbot", "tracking=none", "decoding=temperature")
EVAL = '''"""How many letters are capitals?"""

from dataclasses import dataclass

from harness.evaluation import Complete, Eval, Measure, Sample, Score


@dataclass(frozen=True)
class Capitals(Eval):
    name, version = "NAME", 1
    measures = (Measure("capitals"),)

    def samples(self, material):
        return [Sample(f"prompt-{n}", prompt) for n, prompt in enumerate(("HELP", "GO", "AWAY", "NOW"))]

    def requests(self, sample, material):
        return [Complete(sample.prompt, max_new_tokens=30)]

    def score(self, sample, answers, material):
        text = answers[0].text
        return Score({"capitals": sum(map(str.isupper, text)) / len(text) if text else None}, text)
'''
BROKEN = {
    "syntax": EVAL.replace("return Score(", "return Score(("),
    "third": EVAL.replace(
        "        text = ", '        if sample.id == "prompt-2":\n            {}["absent"]\n        text = '
    ),
    "not_a_number": EVAL.replace("if text else None", 'if sample.id != "prompt-3" else float("nan")'),
    "says_odd_things": EVAL.replace("        text = ", '        raise ValueError("\\ud800")\n        text = '),
    "gives_up": EVAL.replace("        text = ", "        raise SystemExit(0)\n        text = "),
}


def record(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "run.json").read_text())
    return content


def runs(folder: Path) -> list[Path]:
    return sorted((path.parent for path in (folder / "results").glob("default/*/run.json")), key=lambda run: run.name)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an eval of its own and a run of it beside perplexity and arithmetic."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "capitals.py").write_text(EVAL.replace("NAME", "capitals"))
    evals = ("evals=[perplexity,arithmetic,capitals.py]", "evals.arithmetic.num_samples=20")
    bakeoff(folder, *RUN, *evals)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_broken_evals_are_named_with_their_tracebacks_and_the_others_stand(finished: Path, tmp_path: Path) -> None:
    for name, text in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text.replace("NAME", name))
    (tmp_path / "capitals.py").write_text(EVAL.replace("NAME", "capitals"))
    names = [
        "syntax.py",
        "perplexity",
        "third.py",
        "not_a_number.py",
        "says_odd_things.py",
        "gives_up.py",
        "capitals.py",
    ]
    done = bakeoff(tmp_path, *RUN, f"evals=[{','.join(names)}]", status=1)
    [run] = runs(tmp_path)
    found = record(run)
    assert found["status"] == "partial"
    clean = record(*runs(finished))
    for name in ("perplexity", "capitals"):
        assert [one for one in found["metrics"] if one["eval"] == name] == [
            one for one in clean["metrics"] if one["eval"] == name
        ]
    errors = {one["where"]: one for one in found["errors"]}
    assert set(errors) == {f"eval {name}" for name in BROKEN}
    said = {
        "syntax": ("SyntaxError", "syntax.py"),
        "third": ("KeyError", "'absent'", "sample 'prompt-2'"),
        "not_a_number": ("'capitals' is nan", "give None", "sample 'prompt-3'"),
        "says_odd_things": ("ValueError: \\ud800",),
        "gives_up": ("SystemExit",),
    }
    logged = (run / "log.txt").read_text()
    for name, words in said.items():
        one = errors[f"eval {name}"]
        for word in words:
            assert word in one["error"]
        assert f"{name}.py" in one["traceback"] or name == "not_a_number"
        assert f"eval {name}" in found["error"]
        assert f"eval {name} failed" in logged
        assert "Traceback" in one["traceback"]
        assert one["traceback"].strip() in logged
        assert name in done.stdout
    bakeoff(tmp_path, "report")


def test_a_mended_eval_is_asked_and_the_others_are_not_asked_again(folder: Path) -> None:
    (folder / "capitals.py").write_text("raise ValueError('not today')\n")
    evals = ("evals=[perplexity,arithmetic,capitals.py]", "evals.arithmetic.num_samples=20")
    bakeoff(folder, *RUN, *evals, status=1)
    (folder / "capitals.py").write_text(EVAL.replace("NAME", "capitals"))
    scores = {path: path.stat().st_mtime_ns for path in (folder / "results" / "scores").iterdir()}
    bakeoff(folder, *RUN, *evals)
    assert {path: path.stat().st_mtime_ns for path in (folder / "results" / "scores").iterdir()} == scores


def test_a_changed_eval_is_not_served_what_the_old_one_found(folder: Path) -> None:
    (folder / "capitals.py").write_text(EVAL.replace("NAME", "capitals").replace("str.isupper", "str.islower"))
    evals = ("evals=[perplexity,arithmetic,capitals.py]", "evals.arithmetic.num_samples=20")
    bakeoff(folder, *RUN, *evals)
    old, new = sorted(runs(folder), key=lambda run: record(run)["finished_at"])
    values = [next(one["value"] for one in record(run)["metrics"] if one["metric"] == "capitals") for run in (old, new)]
    assert values[0] != values[1]


def without_torch(folder: Path) -> dict[str, str]:
    for name in ("torch", "hydra", "wandb"):
        (folder / "blocked" / name).mkdir(parents=True, exist_ok=True)
        (folder / "blocked" / name / "__init__.py").write_text("raise ImportError('blocked by the test')")
    return {"PYTHONPATH": f"{folder / 'blocked'}{os.pathsep}{ROOT}"}


def test_rescoring_with_the_same_scorer_gives_the_same_run_without_torch(folder: Path) -> None:
    [run] = runs(folder)
    before, samples = record(run), (run / "samples.parquet").read_bytes()
    bakeoff(folder, "rescore", run.name, "--plugin", "capitals.py", **without_torch(folder))
    after = record(run)
    assert runs(folder) == [run]
    assert (run / "samples.parquet").read_bytes() == samples
    changed = {name for name in after if after[name] != before[name]}
    # the plugin's file lies elsewhere now, which config.yaml says too
    assert changed <= {"finished_at", "rescored_from", "plugins", "files", "sha256"}


def test_rescoring_with_a_changed_scorer_makes_the_run_that_the_command_would(folder: Path) -> None:
    [old] = runs(folder)
    before = record(old)
    (folder / "capitals.py").write_text(EVAL.replace("NAME", "capitals").replace("str.isupper", "str.islower"))
    bakeoff(folder, "rescore", old.name, "--plugin", "capitals.py", **without_torch(folder))
    assert record(old) == before
    [new] = set(runs(folder)) - {old}
    value = {one["metric"]: one["value"] for one in record(new)["metrics"]}
    assert value["capitals"] > 0.3
    assert record(new)["rescored_from"] == old.name
    evals = ("evals=[perplexity,arithmetic,capitals.py]", "evals.arithmetic.num_samples=20")
    done = bakeoff(folder, *RUN, *evals)
    assert f"{new.name} is complete; nothing to do" in done.stderr


def test_rescoring_says_when_something_was_never_asked(folder: Path) -> None:
    [old] = runs(folder)
    (folder / "capitals.py").write_text(EVAL.replace("NAME", "capitals").replace('"NOW"', '"NEVER"'))
    bakeoff(folder, "rescore", old.name, "--plugin", "capitals.py", status=1)
    [new] = set(runs(folder)) - {old}
    assert "1 of the 4 things that capitals asks were never answered" in record(new)["error"]
    assert record(new)["status"] == "partial"
    assert {one["eval"] for one in record(new)["metrics"]} == {"perplexity", "arithmetic"}


def test_a_run_is_not_scored_again_with_a_file_that_nobody_named(folder: Path) -> None:
    [run] = runs(folder)
    done = bakeoff(folder, "rescore", run.name, status=2)
    assert "--plugin" in done.stderr
    assert "capitals.py" in done.stderr
    done = bakeoff(folder, "run", "--config-from", run.name, "--plugin", "capitals.py")
    assert f"{run.name} is complete; nothing to do" in done.stderr


MODEL = '''"""Knows nothing."""

from dataclasses import dataclass

from models.language_model import ModelConfig
from models.uniform import Uniform


@dataclass(frozen=True)
class OwnConfig(ModelConfig):
    family = "own"

    def build(self, vocab_size, start_token):
        return Own(self, vocab_size, start_token)


class Own(Uniform):
    def count(self, tokens):
        """Nothing is learnt."""
'''
TOKENIZER = '''"""Bytes, by another name."""

from dataclasses import dataclass

from harness.text import TokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizer


@dataclass(frozen=True)
class OwnTokenizerSettings(TokenizerSettings):
    def train(self, documents):
        return ByteTokenizer()

    @classmethod
    def read(cls, content):
        return ByteTokenizer()
'''


def test_a_model_and_a_tokenizer_of_files_are_read_back_once_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(MODEL)
    (tmp_path / "my_tokenizer.py").write_text(TOKENIZER)
    picks = ("model=./my_model.py", "tokenizer=./my_tokenizer.py", "data=chatterbot", "tracking=none")
    bakeoff(tmp_path, "run", *picks, "evals=[perplexity]")
    [run] = runs(tmp_path)
    assert set(record(run)["plugins"].values()) == {str(tmp_path / f"my_{what}.py") for what in ("model", "tokenizer")}
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


def test_a_model_that_raises_while_it_is_fitted_is_a_failed_run_among_others(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(MODEL.replace('"""Nothing is learnt."""', "open('absent')"))
    picks = ("model=./my_model.py,unigram", "data=chatterbot", "tracking=none", "evals=[perplexity]")
    bakeoff(tmp_path, "run", "-m", *picks, status=1)
    found = {record(run)["model"]["name"]: record(run) for run in runs(tmp_path)}
    assert {name: one["status"] for name, one in found.items()} == {"my_model": "failed", "unigram": "complete"}
    [failure] = found["my_model"]["errors"]
    assert failure["where"] == "fit"
    assert "FileNotFoundError" in failure["error"]
    assert "my_model.py" in failure["traceback"]


def test_data_that_fail_to_load_end_the_command_and_name_it(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(
        "from dataclasses import dataclass\n\nfrom harness.text.data.corpus import DataSource\n\n\n"
        "@dataclass(frozen=True)\n"
        "class Words(DataSource):\n    name = 'words'\n\n    def load(self):\n        return {}['absent']\n"
    )
    done = bakeoff(tmp_path, "run", "data=words.py", "tracking=none", status=2)
    assert "Words fails to load its data: KeyError: 'absent'" in done.stderr
    assert "words.py" in done.stderr
