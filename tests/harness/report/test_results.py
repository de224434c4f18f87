"""Every setting that can change a number tells two runs of a report apart, or the report refuses and names it."""

from __future__ import annotations

import copy
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from harness.common.errors import UserError
from harness.common.results_folder import CONFIG_FILE, FIT_FILE
from harness.common.sealed import write_sealed
from harness.config.compose import compose
from harness.config.identity import content_hash
from harness.evaluation.metric import Metric
from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.results import load
from harness.runs import run as runs
from harness.runs.findings import Findings
from harness.runs.plan import plan
from harness.runs.record import RunRecord
from harness.runs.settings import typed
from harness.text.data.corpus import Corpus, DataSource, Document
from harness.training.workshop import Prepared
from tests.harness.report.conftest import Written
from tests.harness.report.fake_results import MODELS, copy_run, write_fake_results
from tests.harness.report.records import edit

GROUPS = ("model", "tokenizer", "data", "format", "training", "budget", "decoding", "evals")


# Leaves whose other values can't be told from the value that they have.
OTHERS: dict[str, Any] = {
    "training.continue_from": "a-fit",
    "model.optimizer": "adamw",
    "training.schedule": "cosine",
    "training.precision": "bfloat16",
    "training.max_tokens_at_once": 512,
    "budget.seconds": 60.0,
    "budget.flops": 1e12,
    "budget.num_params": 20_000,
    "format.before_text": "\n",
    "format.end": "<end>",
    "format.labels_in_text": "refuse",
    "model.smoothing": "katz",
    "model.cutoffs": [0, 0, 2],
    "model.preset": "llama",
    "model.num_heads": 4,
    "model.num_kv_heads": 1,
    "model.d_model": 256,
    "model.positions": "alibi",
    "model.norm": "layer",
    "model.feed_forward": "gelu",
    "model.mlp_ratio": 2.0,
    "model.biases": True,
    "model.query_key_norm": True,
    "model.norm_epsilon": 1e-4,
    "model.stride": 8,
    "tokenizer.labels": ["Human:"],
    "data.train_bytes": 1000,
    "data.sources.shakespeare.validation_plays": ["othello"],
    "data.sources.shakespeare.test_plays": ["macbeth"],
    "data.sources.chat.max_turns": 4,
    "data.sources.arithmetic.operations": ["+"],
    "data.sources.arithmetic.style": "qa",
    "decoding.at_context_limit": "stop",
    "evals.perplexity.max_documents": 5,
    "evals.showcase.prompts": ["ROMEO:"],
    "evals.arithmetic.style": "qa",
    "evals.arithmetic.operations": ["+"],
}
TRAIN, VALIDATION, TEST = ((Document(name, name, "chat", name),) for name in "abc")
CORPUS = Corpus("mixture", TRAIN, VALIDATION, TEST)


class Loaded(Prepared):
    """The corpus is there whatever the data set."""

    def corpus(self, source: DataSource) -> Corpus:
        return CORPUS


def leaves(node: Any, prefix: str = "") -> Iterator[str]:
    """The dotted names of the settings below a node; the classes that options name are no settings."""
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        elif key != "_target_":
            yield prefix + key


def with_format(node: Any, form: Any) -> Any:
    """The same plain values, but for the format, which data and tokenizer hold copies of."""
    if not isinstance(node, dict):
        return node
    return {key: form if key == "format" else with_format(value, form) for key, value in node.items()}


def changed(config: dict[str, Any], leaf: str) -> dict[str, Any]:
    """The configuration with another value of one setting."""
    other = copy.deepcopy(config)
    *path, last = leaf.split(".")
    node = other
    for key in path:
        node = node[key]
    value = node[last]
    if leaf in OTHERS:
        node[last] = OTHERS[leaf]
    elif isinstance(value, bool):
        node[last] = not value
    elif isinstance(value, int):
        node[last] = value + 1
    elif isinstance(value, float):
        node[last] = value / 2 or 0.01
    elif isinstance(value, str):
        node[last] = f"{value}x"
    elif isinstance(value, (list, dict)):
        node[last] = type(value)()
    else:
        raise AssertionError(f"{leaf}={value!r}: say in OTHERS what else it can be")
    return with_format(other, other["format"]) if leaf.startswith("format.") else other


def write(config: dict[str, Any], results: Path, value: float, finished_at: str) -> None:
    """A run of the configuration as `run` records it, but that nothing is trained: its metrics are made up."""
    settings = typed({**config, "results_dir": str(results)})
    findings = Findings(
        metrics=[
            Metric(name, 1, "exact_match", "all", value if name == "arithmetic" else None, "share", True, 10, 10)
            for name in config["evals"]
        ]
    )
    write_sealed(results / "fits" / "a-fit" / FIT_FILE, {"fit_id": "a-fit", "recipe": "another"})
    planned = plan(settings, Loaded())
    record = runs._record(planned, None, findings, finished_at)
    name = content_hash([planned.run_id, value])
    folder = results / "families" / name
    dataclasses.replace(record, run_id=name, status="complete", finished_at=finished_at).write(folder)
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(config))


def rows(results: Path) -> set[tuple[str, str]]:
    """(system, decoding) of each run that has a value in the report."""
    comparison = Comparison(load(results)[0])
    return {
        (system, decoding)
        for system in comparison.systems
        for decoding in comparison.decodings
        for measure in comparison.measures
        if comparison.cell(system, decoding, measure)
    }


@pytest.mark.parametrize(
    ("model", "tokenizer", "every"),
    [
        ("ngram", "char", 4),
        pytest.param("ngram", "char", 1, marks=pytest.mark.campaign),
        pytest.param("transformer", "bpe", 1, marks=pytest.mark.campaign),
    ],
)
def test_every_setting_gives_a_row_of_its_own(
    model: str, tokenizer: str, every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out: seed (runs of several seeds are one system), and results_dir, experiment_name, tracking and device,
    which say where a run is made and kept and change no number; counting_megabytes, which bounds memory alone. A
    campaign tries every setting. The copies of the format in data and tokenizer are changed with the format."""
    # the fit that a run continues is made up, and has no model
    monkeypatch.setattr("harness.runs.plan.check_continues", lambda *_: None)
    picked = [f"model={model}", f"tokenizer={tokenizer}", "decoding=top_p"]
    config = compose([*picked, "experiment_name=families", "device=cpu"])
    merged, refused, tried = [], [], 0
    for place, leaf in enumerate(leaves({group: config[group] for group in GROUPS})):
        if ".format." in leaf or leaf == "model.counting_megabytes" or place % every:
            continue
        other = changed(config, leaf)
        try:
            typed(other)
        except UserError as error:
            refused.append(f"{leaf}: {error}")
            continue
        results = tmp_path / str(place)
        write(config, results, 0.25, "2025-11-22T07:30:00+00:00")
        write(other, results, 0.75, "2025-11-22T07:30:00+00:00")
        tried += 1
        try:
            if len(rows(results)) != 2:
                merged.append(leaf)
        except UserError as error:
            if leaf not in str(error):
                merged.append(leaf)
    assert refused == []
    assert tried > 40 // every
    assert merged == []


def test_the_long_frame_has_a_row_a_run_metric_and_slice(written: Written) -> None:
    runs = pd.read_parquet(written.folder / "runs.parquet")
    folders = [path.parent for path in written.experiment.glob("*/run.json")]
    records = [RunRecord.read(folder) for folder in folders]
    assert len(runs) == sum(max(1, len(record.metrics)) for record in records)
    assert not runs.duplicated(["run_id", "eval", "metric", "slice"]).any()
    one = runs[(runs["run_id"] == "gru-top_p-s0") & (runs["slice"] == "operation=+")].iloc[0]
    wanted = next(m for m in RunRecord.read(written.experiment / "gru-top_p-s0").metrics if m.slice == "operation=+")
    assert {name: one[name] for name in ("value", "n", "n_total", "chance", "ci_low")} == {
        name: getattr(wanted, name) for name in ("value", "n", "n_total", "chance", "ci_low")
    }


def test_settings_that_differ_make_systems_and_seeds_do_not(small: Path, compare: Callable[[Path], Comparison]) -> None:
    for run in small.glob("ngram-*"):
        edit(run, lambda record: record["model"].update(order=3))
    source = small / "ngram-greedy-s0"
    for order, seed in ((5, 0), (5, 1)):
        copy = small / f"ngram-order{order}-s{seed}"
        copy.mkdir()
        for path in source.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())

        def change(record: dict[str, Any], order: int = order, seed: int = seed, name: str = copy.name) -> None:
            record.update(run_id=name, fit_id=name, seed=seed)
            record["model"].update(order=order)

        edit(copy, change)
    comparison = compare(small)
    assert set(comparison.systems) == {"ngram, order=3", "ngram, order=5", "rnn"}
    assert comparison.ladder is not None
    cell = comparison.cell("ngram, order=5", "greedy", comparison.ladder)
    assert cell is not None
    assert cell.seeds == (0, 1)


@pytest.mark.usefixtures("no_plots")
def test_two_texts_of_a_plugin_file_are_two_rows(small: Path) -> None:
    def of_file(digit: str) -> dict[str, str]:
        return {"model.name": "tiny", "model._target_": f"bakeoff_file.tiny_{digit * 12}.TinyConfig"}

    for digit in "ab":
        copy_run(small / "ngram-greedy-s0", f"tiny-{digit}", {**of_file(digit), "plugins": {}})
    report = write_report(small)
    assert {"tiny=edit 1", "tiny=edit 2"} <= set(report.table["model"])
    assert "bakeoff_file" not in report.page.read_text()


@pytest.mark.usefixtures("no_plots")
def test_a_single_run_and_an_experiments_folder_can_be_reported(small: Path) -> None:
    alone = write_report(small / "rnn-greedy-s0")
    assert alone.page == small / "rnn-greedy-s0" / "report" / "report.html"
    assert len(alone.table) == 1
    assert write_report(small).page == small / "report" / "report.html"
    assert len(write_report(small).table) == 8  # the report's own folder is no run


@pytest.mark.usefixtures("no_plots")
def test_each_experiment_gets_its_report_and_out_makes_one_of_all(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_fake_results(
            tmp_path, experiment=name, models=MODELS[:2], num_documents=6, num_problems=15, mishaps=False
        )
    apart = write_report(tmp_path)
    assert apart.pages == (tmp_path / "first/report/report.html", tmp_path / "second/report/report.html")
    assert len(apart.table) == 16
    together = write_report(tmp_path, out=tmp_path / "all")
    assert together.pages == (tmp_path / "all/report.html",)
    assert set(together.table["model"]) == {fake.name for fake in MODELS[:2]}
    assert set(together.table["experiment"]) == {"first, second"}  # the same settings, fits and text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda results: results / "nowhere", "does not exist"),
        (lambda results: _touch(results / "notes.txt"), "is a file"),
        (lambda results: _touch(results / "empty" / "notes.txt").parent, "holds no run"),
        (lambda results: _touch(results / "begun" / "run-1" / "config.yaml").parent.parent, "begun and not finished"),
        (lambda results: _spoilt(results, "run.json", b"{"), "not valid JSON"),
        (lambda results: _spoilt(results, "run.json", b'{"schema_version": 4}'), "is no run record"),
        (lambda results: _spoilt(results, "run.json", b'{"schema_version": 99}'), "schema version 99"),
        (lambda results: _spoilt(results, "samples.parquet", b"PAR1 nonsense"), "it cannot be read"),
        (lambda results: _spoilt(results, "curve.parquet", b""), "cannot be read"),
    ],
)
@pytest.mark.usefixtures("no_plots")
def test_what_cannot_be_reported_is_one_clear_message(small: Path, spoil: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(UserError, match=said):
        write_report(spoil(small))


@pytest.mark.parametrize(
    ("name", "content"), [("run.json", b"[1,2]"), ("samples.parquet", b"PAR1"), ("curve.parquet", b"")]
)
@pytest.mark.usefixtures("no_plots")
def test_one_broken_run_is_named_and_left_out(
    small: Path, name: str, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (small / "rnn-greedy-s0" / name).write_bytes(content)
    report = write_report(small)
    assert len(report.table) == 7
    assert report.left_out == (small / "rnn-greedy-s0",)
    assert "Left out: rnn-greedy-s0. " in report.page.read_text()
    [said] = [record.getMessage() for record in caplog.records if "rnn-greedy-s0" in record.getMessage()]
    assert said.startswith(f"{small / 'rnn-greedy-s0'} is left out of the report: {small / 'rnn-greedy-s0' / name} is")
    again = f"bakeoff run --config-from {small / 'rnn-greedy-s0'} results_dir={small.parent}"
    assert said.endswith(f"Run `{again}`: it makes run rnn-greedy-s0 again.")  # the only remedy


def _seed(run: Path) -> None:
    edit(run, lambda record: record.update(seed=10**23))


def _value(run: Path) -> None:
    edit(run, lambda record: record["metrics"][0].update(value="2.1"))


def _spent(run: Path) -> None:
    edit(run, lambda record: record["spent"].update(seconds="many"))


def _notes(run: Path) -> None:
    edit(run, lambda record: record.update(notes="a note"))


def _samples(run: Path) -> None:
    path = run / "samples.parquet"
    pd.read_parquet(path).assign(values="{").to_parquet(path, index=False)


def _columns(run: Path) -> None:
    path = run / "samples.parquet"
    pd.read_parquet(path).drop(columns="eval").to_parquet(path, index=False)


def _curve(run: Path) -> None:
    path = run / "curve.parquet"
    pd.read_parquet(path).assign(seconds="long").to_parquet(path, index=False)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_seed, "seed is 100000000000000000000000"),
        (_value, "value is 2.1"),
        (_spent, "seconds is many"),
        (_notes, "notes is a note"),
        (_samples, "samples.parquet is damaged: it cannot be read (JSONDecodeError"),
        (_columns, "samples.parquet is damaged: it has no column eval"),
        (_curve, "curve.parquet is damaged: it cannot be read (ValueError: could not convert string to float: 'long'"),
    ],
)
def test_a_strange_run_is_left_out_and_the_others_are_not(
    small: Path, spoil: Callable[[Path], None], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(small / "rnn-greedy-s0")
    [results] = load(small)
    assert len(results.runs) == 7
    assert [left_out.folder for left_out in results.left_out] == [small / "rnn-greedy-s0"]
    assert said in caplog.text


@pytest.mark.usefixtures("no_plots")
def test_of_two_runs_of_one_name_the_later_is_reported(small: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copytree(small / "rnn-greedy-s0", small / "rnn-greedy-s0-new")
    for run in (small / "rnn-greedy-s0", small / "rnn-greedy-s0-new"):
        (run / "config.yaml").write_text(f"model:\n  source: {run.name}\n")
    later = {"run_id": "rnn-greedy-s0-new", "fit_id": "another", "finished_at": "2026-01-01T00:00:00+00:00"}
    edit(small / "rnn-greedy-s0-new", lambda record: record.update(later))
    report = write_report(small)
    assert len(report.table) == 8
    assert report.left_out == ()  # nothing is damaged
    frame = pd.read_csv(report.page.parent / "runs.csv")
    assert "rnn-greedy-s0-new" in set(frame["run_id"])
    assert "rnn-greedy-s0" not in set(frame["run_id"])
    assert "rnn-greedy-s0 is left out of the report: rnn-greedy-s0-new, which finished later, " in caplog.text
    assert "they differ in model.source." in caplog.text


@pytest.mark.usefixtures("no_plots")
def test_an_experiment_of_which_nothing_can_be_read_is_named_by_the_other_s_report(small: Path) -> None:
    shutil.copytree(small / "rnn-greedy-s0", small.parent / "another" / "only")
    (small.parent / "another" / "only" / "run.json").write_text("{")
    report = write_report(small.parent)
    assert [page.parent.parent.name for page in report.pages] == [small.name]
    assert report.left_out == (small.parent / "another" / "only",)


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def _spoilt(experiment: Path, name: str, content: bytes) -> Path:
    for run in experiment.glob("*-s0"):
        (run / name).write_bytes(content)
    return experiment


@pytest.fixture
def going_on(small: Path) -> Callable[[dict[tuple[str, int], str]], int]:
    """How many systems the report has of runs that go on from fits: {(fit, seed): what the fit is but for its seed}."""

    def num_systems(recipes: dict[tuple[str, int], str]) -> int:
        for place, ((fit, seed), recipe) in enumerate(recipes.items()):
            changes = {"training.continue_from": fit, "seed": seed, "recipes": {fit: recipe}}
            copy_run(small / "ngram-greedy-s0", str(place), changes)
        for folder in small.glob("*-s0"):
            shutil.rmtree(folder)
        return len(Comparison(load(small)[0]).systems)

    return num_systems


def test_going_on_from_each_seed_s_own_fit_is_one_system(
    going_on: Callable[[dict[tuple[str, int], str]], int],
) -> None:
    assert going_on({("first", 0): "same", ("second", 1): "same", ("third", 2): "same"}) == 1


def test_going_on_from_other_fits_is_another_system(going_on: Callable[[dict[tuple[str, int], str]], int]) -> None:
    assert going_on({("a0", 0): "a", ("b0", 0): "b", ("a1", 1): "a", ("b1", 1): "b"}) == 2


def test_all_seeds_may_go_on_from_one_fit(going_on: Callable[[dict[tuple[str, int], str]], int]) -> None:
    assert going_on({("first", 0): "same", ("first", 1): "same"}) == 1


def test_one_seed_that_goes_on_from_several_seeds_of_a_fit_is_several_systems(
    going_on: Callable[[dict[tuple[str, int], str]], int],
) -> None:
    assert going_on({("first", 0): "same", ("second", 0): "same"}) == 2


def test_drafts_that_are_seeds_of_one_fit_are_one_strategy(small: Path) -> None:
    for seed, draft in enumerate(("first", "second")):
        changes = {"decoding.draft": draft, "seed": seed, "recipes": {draft: "same"}}
        copy_run(small / "ngram-greedy-s0", f"drafted-{seed}", changes)
    for folder in small.glob("*-s0"):
        shutil.rmtree(folder)
    assert Comparison(load(small)[0]).decodings == ("greedy",)
