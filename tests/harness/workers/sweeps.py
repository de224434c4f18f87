"""A small sweep, and plugins that fail in it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

SWEEP = (
    "run",
    "-m",
    "model=unigram,bigram",
    "decoding=greedy,top_p",
    "data=chatterbot",
    "tracking=none",
    "evals=[arithmetic]",
    "evals.arithmetic.num_samples=2",
    "budget.tokens=2000",
)

FAILING = '''"""An eval that fails where a file says so."""

import os
from dataclasses import dataclass
from pathlib import Path

from harness.evaluation import Answer, Complete, Eval, Material, Measure, Request, Sample, Score


@dataclass(frozen=True)
class Failing(Eval):
    name, version = "failing", 1
    measures = (Measure("exact_match"),)

    folder: str = "."

    def samples(self, material):
        todo = sorted(Path(self.folder).glob("fail-*"))
        if todo:
            todo[0].unlink()
            if "exit" in todo[0].name:
                os._exit(9)
            raise RuntimeError("it fails once")
        yield Sample("one", "1+1=", target="2")

    def requests(self, sample, material):
        return [Complete(sample.prompt, max_new_tokens=1)]

    def score(self, sample, answers, material):
        return Score(values={"exact_match": answers[0].text == "2"}, answer=answers[0].text)
'''


def failing(folder: Path, *kinds: str) -> tuple[str, ...]:
    """Overrides that pick an eval which fails once for each kind: 'raise', 'exit'."""
    (folder / "failing.py").write_text(FAILING)
    for number, kind in enumerate(kinds):
        (folder / f"fail-{number}-{kind}").touch()
    return ("evals=[./failing.py]", f"evals.failing.folder={folder}")


def without_arithmetic(overrides: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(override for override in overrides if not override.startswith("evals"))


def outcomes(folder: Path) -> dict[str, int]:
    """How often runs ended how, in all workers' ledgers."""
    return dict(Counter(event["outcome"] for event in events(folder) if event["kind"] == "ended"))


def events(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in folder.glob("results/sweeps/*/workers/*.jsonl") for line in path.read_text().splitlines()]
    return sorted((json.loads(line) for line in lines), key=lambda event: event["at"])


def metrics(folder: Path) -> dict[str, list[Any]]:
    """Each run's results."""
    records = [json.loads(path.read_text()) for path in folder.glob("results/default/*/run.json")]
    return {record["run_id"]: record["metrics"] for record in records}
