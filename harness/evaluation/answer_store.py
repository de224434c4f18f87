"""Answers, kept as they come: results/answers/<fit_id>/.

An answer is addressed by what it depends on: the fit, the request, and, of a request that is decoded, the decoding
strategy and the seed. So a crash loses the batch in flight, an eval that is changed asks only what it never asked
before, and a changed scorer needs no model at all.

A file holds JSON lines: `likelihoods.jsonl` what no decoding has a say in, `<decoding_id>.jsonl` what one strategy
wrote. A batch is appended by one write that begins and ends with a line break: two processes may write at once, and a
process that dies leaves at most one torn line, which is not read.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np

from harness.common.results_folder import ResultsFolder
from harness.evaluation.requests import Answer, Complete, Request
from harness.scoring.answers import TokenScores

FORMAT_VERSION = 1
"""Raised when the same request comes to be answered otherwise."""
_CLASSES = {kind.__name__: kind for kind in (*get_args(Answer), TokenScores)}


class AnswerStore:
    """What a fit has answered under one decoding strategy."""

    def __init__(self, results_dir: Path, fit_id: str, decoding_id: str) -> None:
        self._folder = ResultsFolder(results_dir).answers(fit_id)
        self._decoding_id = decoding_id
        self._found: dict[Path, dict[str, Any]] = {}

    def find(self, request: Request, seed: int) -> Answer | None:
        """The answer to a request, None where there is none yet. seed: of what is drawn where it is decoded."""
        path = self._path(request)
        if path not in self._found:
            self._found[path] = dict(_read(path))
        row = self._found[path].get(address(request, seed))
        if row is None:
            return None
        answer: Answer = _unpacked(row["answer"])
        return answer

    def add(self, answered: Iterable[tuple[Request, int, Answer]]) -> None:
        """Keep answers, each with its request and seed."""
        lines: dict[Path, list[str]] = {}
        for request, seed, answer in answered:
            path, name = self._path(request), address(request, seed)
            row = {"request": name, "answer": _packed(answer)}
            lines.setdefault(path, []).append(json.dumps(row))
            self._found.setdefault(path, {})[name] = row
        for path, batch in lines.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write("\n".join(["", *batch, ""]).encode())

    def _path(self, request: Request) -> Path:
        name = self._decoding_id if isinstance(request, Complete) else "likelihoods"
        return self._folder / f"{name}.jsonl"


def address(request: Request, seed: int) -> str:
    """What a request is found by: a hash of its kind, its content and, where it is decoded, its seed."""
    content = {"format": FORMAT_VERSION, "kind": type(request).__name__, **asdict(request)}
    if isinstance(request, Complete):
        content["seed"] = seed
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def _read(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """The rows of a file, each with its request's address; torn lines are left out."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        yield row["request"], row


def _packed(value: Any) -> Any:
    """An answer, or what is in one, as JSON holds it without loss."""
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "base64": base64.b64encode(value.tobytes()).decode()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _packed(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, "fields": fields}
    return value


def _unpacked(node: Any) -> Any:
    """What `_packed` was given. Arrays have one dimension; sequences are tuples."""
    if isinstance(node, list):
        return tuple(node)
    if not isinstance(node, dict):
        return node
    if "class" in node:
        return _CLASSES[node["class"]](**{name: _unpacked(value) for name, value in node["fields"].items()})
    return np.frombuffer(base64.b64decode(node["base64"]), dtype=node["dtype"])
