"""An installed plugin: a separate distribution (tests/plugin_demo), found by its entry point, and swept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import bakeoff
from tests.conftest import ROOT

DEMO = ROOT / "tests" / "plugin_demo"
SMALL = ("data=counting_rhyme", "tokenizer=octets", "tracking=none", "evals=[perplexity,shouting]")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the demo is installed to, without a network."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
    subprocess.run([*pip, *options, str(DEMO)], check=True, capture_output=True, timeout=120)
    return folder


def on_path(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "results").glob("default/*/run.json"))]


@pytest.fixture(scope="module")
def swept(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    bakeoff(folder, "run", "-m", *SMALL, "model=unigram,wary", "decoding=greedy,top_a", **on_path(installed))
    return folder


@pytest.fixture
def own(installed: Path, tmp_path: Path) -> Path:
    """A copy of the installed demo, to be changed."""
    shutil.copytree(installed, tmp_path / "site")
    return tmp_path / "site"


def test_its_options_are_swept_like_ours(swept: Path) -> None:
    swept_records = records(swept)
    assert {(record["model"]["name"], record["decoding"]["name"], record["status"]) for record in swept_records} == {
        (model, decoding, "complete") for model in ("unigram", "wary") for decoding in ("greedy", "top_a")
    }
    assert len({record["fit_id"] for record in swept_records}) == 2
    for record in swept_records:
        assert {metric["eval"] for metric in record["metrics"]} == {"perplexity", "shouting"}
        assert (record["data"]["name"], record["tokenizer"]["name"]) == ("counting_rhyme", "octets")


def test_its_options_are_listed_with_where_they_come_from(installed: Path, tmp_path: Path) -> None:
    wide = {**on_path(installed), "COLUMNS": "200"}
    for what, name in (("models", "wary"), ("evals", "shouting"), ("decodings", "top_a"), ("data", "counting_rhyme")):
        lines = bakeoff(tmp_path, "list", what, **wide).stdout.splitlines()
        [line] = [line for line in lines if line.strip().startswith(f"{name} ")]
        assert line.rstrip().endswith("bakeoff-demo 0.1")
        assert sum(line.rstrip().endswith(" bakeoff") for line in lines) > 1
        assert name not in bakeoff(tmp_path, "list", what).stdout


def test_its_fits_are_read_back_by_name_alone(swept: Path, installed: Path) -> None:
    [run] = [record["run_id"] for record in records(swept) if record["run_id"].startswith("wary-top_a")]
    output = json.loads(bakeoff(swept, "complete", run, "1 2 ", "--json", **on_path(installed)).stdout)
    assert output["completions"][0]["tokens"]
    (swept / "line.txt").write_text("1 2")
    scored = json.loads(bakeoff(swept, "score", run, "line.txt", "--json", "--per-token", **on_path(installed)).stdout)
    assert [token["text"] for token in scored["files"][0]["tokens"]] == ["<49>", "<32>", "<50>"]
    done = bakeoff(swept, "run", "--config-from", run, **on_path(installed))
    assert "nothing to do" in done.stderr
    bakeoff(swept, "rescore", run, **on_path(installed))
    for words in (["complete", run, "1 2 "], ["run", "--config-from", run], ["rescore", run]):
        assert "plugin" in bakeoff(swept, *words, status=2).stderr


@pytest.mark.parametrize(("kind", "name"), [("eval", "shouting"), ("model", "wary"), ("decoding", "top_a")])
def test_it_keeps_to_the_contracts(installed: Path, tmp_path: Path, kind: str, name: str) -> None:
    skipped = 1 if kind == "eval" else 0  # an eval that ranks nothing
    assert f", 0 failed, {skipped} skipped" in bakeoff(tmp_path, "check", kind, name, **on_path(installed)).stdout


def test_a_changed_package_is_not_served_old_results(swept: Path, own: Path, tmp_path: Path) -> None:
    shutil.copytree(swept / "results", tmp_path / "results")
    source = own / "bakeoff_demo" / "shouting.py"
    source.write_text(source.read_text().replace("str.isupper", "str.islower"))
    before = len(records(tmp_path))
    done = bakeoff(tmp_path, "run", *SMALL, "model=unigram", "decoding=top_a", **on_path(own))
    assert "nothing to do" not in done.stderr
    assert "fitting" not in done.stderr
    assert len(records(tmp_path)) == before + 1


def test_a_failing_module_is_refused_before_the_fit(own: Path, tmp_path: Path) -> None:
    (own / "bakeoff_demo" / "wary.py").write_text("1 / 0\n")
    done = bakeoff(tmp_path, "run", *SMALL, "model=wary", status=2, **on_path(own))
    assert "bakeoff_demo.wary can't be imported: ZeroDivisionError" in done.stderr
    (own / "bakeoff_demo" / "shouting.py").write_text("def broken(:\n")
    done = bakeoff(tmp_path, "run", *SMALL, "model=unigram", status=2, **on_path(own))
    assert "bakeoff_demo.shouting can't be imported: SyntaxError" in done.stderr
    assert "def broken(:" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_family_without_a_method_is_refused_before_it_is_fitted(own: Path, tmp_path: Path) -> None:
    wary = own / "bakeoff_demo" / "wary.py"
    wary.write_text(wary.read_text().replace("def tensors", "def tensor"))
    done = bakeoff(tmp_path, "run", *SMALL, "model=wary", status=2, **on_path(own))
    assert "Wary lacks tensors, which every MemorylessModel must have." in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_name_that_two_sources_bring_is_refused(own: Path, tmp_path: Path) -> None:
    shutil.copy(own / "bakeoff_demo" / "conf" / "model" / "wary.yaml", own / "bakeoff_demo/conf/model/ngram.yaml")
    done = bakeoff(tmp_path, "run", "model=ngram", status=2, **on_path(own))
    assert "model=ngram is in both bakeoff and bakeoff-demo 0.1" in done.stderr


def test_an_entry_point_without_a_target_is_named(own: Path, tmp_path: Path) -> None:
    shutil.rmtree(own / "bakeoff_demo")
    done = bakeoff(tmp_path, "list", "models", status=2, **on_path(own))
    assert "the plugin bakeoff-demo 0.1 names 'bakeoff_demo'" in done.stderr
