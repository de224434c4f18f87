"""A results folder with three small experiments, broken runs and hostile text, and a client of its dashboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from harness.dashboard.pairs_process import keep_pairs
from harness.dashboard.server import app
from harness.dashboard.site import Site
from tests.harness.dashboard.reading import Reader
from tests.harness.report.fake_results import MODELS, write_fake_results
from tests.harness.report.records import edit

EXPERIMENTS = ("families", "pair", "single")


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nobody may change it."""
    folder = tmp_path_factory.mktemp("dashboard") / "results"
    small = {"num_documents": 12, "num_problems": 30}
    write_fake_results(folder, 3, "families", MODELS[3:6], **small)
    write_fake_results(folder, 2, "pair", MODELS[5:7], mishaps=False, **small)
    write_fake_results(folder, 1, "single", MODELS[1:4], mishaps=False, **small)
    for run in [*folder.glob("*/*-temperature-*"), *folder.glob("*/*-top_k-*")]:
        shutil.rmtree(run)
    broken = folder / "broken"
    shutil.copytree(folder / "single" / "ngram-greedy-s0", broken / "older")
    edit(broken / "older", lambda record: record.update(schema_version=1))
    (broken / "cut").mkdir()
    (broken / "cut" / "run.json").write_text('{"run_id": "cut", <script>')
    return folder


@pytest.fixture(scope="session")
def site(results: Path) -> Site:
    """The results opened, with the tests of every experiment computed."""
    opened = Site(results)
    opened.index.refresh(at_once=True)
    for name in EXPERIMENTS:
        scope = opened.numbers.scope([name])
        opened.numbers.board(scope, wait=60)
        keep_pairs(results, scope.key, [name])
    return opened


@pytest.fixture(scope="session")
def client(site: Site) -> Iterator[Reader]:
    """Reads pages of the results."""
    with TestClient(app(site.index.results), base_url="http://127.0.0.1:8765") as opened:
        yield Reader(opened)


@pytest.fixture
def own_results(results: Path, tmp_path: Path) -> Path:
    """A copy of one experiment, to be changed."""
    shutil.copytree(results / "pair", tmp_path / "results" / "pair")
    return tmp_path / "results"


@pytest.fixture(scope="session")
def fits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with real runs of small models, one a family. Nobody may change it."""
    from harness.runs import make_run

    folder = tmp_path_factory.mktemp("fits") / "results"
    small = ("data=chatterbot", "tracking=none", "evals=[]", "budget.tokens=3000", "training.num_validations=1")
    for model in (
        ["transformer", "num_layers=2", "num_heads=2", "d_model=16", "context_length=32"],
        ["gru", "num_layers=2", "d_model=16"],
        ["ngram", "order=4", "keep_counts=true"],
        ["mixture"],
        ["uniform"],
    ):
        options = [f"model.{option}" for option in model[1:]]
        make_run(f"model={model[0]}", *options, *small, f"results_dir={folder}", "experiment_name=small")
    return folder


@pytest.fixture(scope="session")
def run_of(fits: Path) -> dict[str, str]:
    """The id of the run of each family, 'small/gru-greedy-s0-...'."""
    return {folder.name.partition("-")[0]: f"small/{folder.name}" for folder in (fits / "small").glob("*-s0-*")}


@pytest.fixture(scope="session")
def playing(fits: Path, run_of: dict[str, str]) -> Iterator[Reader]:
    """Reads pages of real fits, which stay loaded."""
    with TestClient(app(fits), base_url="http://127.0.0.1:8765") as opened:
        opened.app.state.site.index.refresh(at_once=True)  # type: ignore[attr-defined]
        yield Reader(opened)
