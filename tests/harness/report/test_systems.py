"""Every setting that can change a number tells two runs of a report apart, or the report refuses and names it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.common.errors import UserError
from harness.common.results_folder import CONFIG_FILE, FIT_FILE
from harness.common.sealed import write_sealed
from harness.config.compose import compose
from harness.config.identity import content_hash
from harness.evaluation.metric import Metric
from harness.report.comparison import Comparison
from harness.report.results import load
from harness.runs import run as runs
from harness.runs.findings import Findings
from harness.runs.settings import typed
from harness.text.data.corpus import Corpus, DataSource, Document
from harness.training.workshop import Prepared

GROUPS = ("model", "tokenizer", "data", "format", "training", "budget", "decoding", "evals")
# Leaves whose other values can't be told from the value that they have.
OTHERS: dict[str, Any] = {
    "training.continue_from": "a-fit",
    "budget.seconds": 60.0,
    "budget.flops": 1e12,
    "budget.num_params": 20_000,
    "format.before_text": "\n",
    "format.end": "<end>",
    "format.labels_in_text": "refuse",
    "model.smoothing": "katz",
    "model.cutoffs": [0, 0, 2],
    "model.num_heads": 2,
    "model.d_model": 256,
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
    """A run of the configuration as `run` records it, but that nothing is trained: its one metric is made up."""
    settings = typed({**config, "results_dir": str(results)})
    findings = Findings(metrics=[Metric("arithmetic", 1, "exact_match", "all", value, "share", True, 10, 10)])
    write_sealed(results / "fits" / "a-fit" / FIT_FILE, {"fit_id": "a-fit"})
    plan = runs.plan(settings, Loaded())
    record = runs._record(plan, None, findings, finished_at)
    name = content_hash([plan.run_id, value])
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


@pytest.mark.parametrize(("model", "tokenizer"), [("ngram", "char"), ("transformer", "bpe")])
def test_every_setting_gives_a_row_of_its_own(model: str, tokenizer: str, tmp_path: Path) -> None:
    """Left out: seed (runs of several seeds are one system), and results_dir, experiment_name, tracking and device,
    which say where a run is made and kept and change no number; counting_megabytes, which bounds memory alone. The
    copies of the format in data and tokenizer are changed with the format."""
    picked = [f"model={model}", f"tokenizer={tokenizer}", "decoding=top_p"]
    config = compose([*picked, "experiment_name=families", "device=cpu"])
    merged, refused, tried = [], [], 0
    for place, leaf in enumerate(leaves({group: config[group] for group in GROUPS})):
        if ".format." in leaf or leaf == "model.counting_megabytes":
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
    assert tried > 40
    assert merged == []
