"""Answers, kept as they come: results/answers/<fit_id>/.

An answer is addressed by what it depends on: the fit, the request, and, of a request that is decoded, the decoding
strategy and the seed. So a crash loses only the batch in progress, a changed eval asks only its new requests, and a
changed scorer needs no model at all.

`likelihoods.txt` has the answers that don't depend on decoding, `<decoding_id>.txt` the completions of one strategy. A
line is a batch: JSON, compressed by zlib, in base 85. It is appended by one write that begins and ends with a line
break: two processes may write at once, and a process that dies leaves at most one torn line. A line ends with a digest
of its content, of the fit's weights and of the file's name: a line that is torn, was changed since, or is another fit's
is not read, so its requests are asked again.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np

from harness.common.files import append_bytes, write_bytes
from harness.common.results_folder import ResultsFolder
from harness.evaluation.requests import Answer, Complete, Request
from harness.scoring.answers import TokenScores

log = logging.getLogger("bakeoff")

FORMAT_VERSION = 1
"""Incremented when the same request would get another answer than before."""
_NUMBERS = "numbers"  # the key of an array's bytes
_CLASSES = {kind.__name__: kind for kind in (*get_args(Answer), TokenScores)}


class AnswerStore:
    """What a fit has answered under one decoding strategy."""

    def __init__(self, results_dir: Path, fit_id: str, decoding_id: str, fit_digest: str) -> None:
        """fit_digest: of what the answers depend on (harness/training/fit_folder.py)."""
        self._results, self._fit_id = ResultsFolder(results_dir), fit_id
        self._decoding_id, self._fit_digest = decoding_id, fit_digest
        self._rows: dict[Path, dict[str, Any]] = {}
        self._damaged: set[Path] = set()

    def find(self, request: Request, seed: int) -> Answer | None:
        """The answer to a request, None where there is none yet. seed: of a completion's random draws."""
        row = self._rows_in(self._path(request)).get(address(request, seed))
        if row is None:
            return None
        answer: Answer = _unpacked(row["answer"])
        return answer

    def add(self, answered: Iterable[tuple[Request, int, Answer]]) -> None:
        """Keep answers, each with its request and seed."""
        batches: dict[Path, list[dict[str, Any]]] = {}
        for request, seed, answer in answered:
            path, name = self._path(request), address(request, seed)
            row = {"request": name, "answer": _packed(answer)}
            batches.setdefault(path, []).append(row)
            self._rows_in(path)[name] = row
        for path, batch in batches.items():
            if path in self._damaged:
                write_bytes(path, self._line(path, list(self._rows[path].values())))
                self._damaged.remove(path)
            else:
                append_bytes(path, b"\n" + self._line(path, batch))

    def _rows_in(self, path: Path) -> dict[str, Any]:
        """The rows of a file, by their requests' addresses, without those that can't be trusted."""
        if path not in self._rows:
            lines = [line for line in path.read_bytes().split(b"\n") if line] if path.exists() else []
            batches = [batch for line in lines if (batch := self._batch(path, line)) is not None]
            self._rows[path] = {row["request"]: row for batch in batches for row in batch}
            if bad := len(lines) - len(batches):
                self._damaged.add(path)
                log.warning(
                    "%s: %d of %d batches of answers are cut short, damaged or another fit's; they are asked again",
                    path,
                    bad,
                    len(lines),
                )
        return self._rows[path]

    def _line(self, path: Path, batch: Sequence[dict[str, Any]]) -> bytes:
        """A batch of rows as a line of a file, with its digest."""
        content = base64.b85encode(zlib.compress(json.dumps(batch).encode()))
        return content + b" " + self._digest(path, content) + b"\n"

    def _batch(self, path: Path, line: bytes) -> list[dict[str, Any]] | None:
        """The rows in a line; None where the line isn't what was written for this fit in this file."""
        content, _, digest = line.partition(b" ")
        if digest != self._digest(path, content):
            return None
        batch: list[dict[str, Any]] = json.loads(zlib.decompress(base64.b85decode(content)))
        return batch

    def _digest(self, path: Path, content: bytes) -> bytes:
        written_for = f"{self._fit_digest} {path.stem} ".encode()
        return hashlib.sha256(written_for + content).hexdigest().encode()

    def _path(self, request: Request) -> Path:
        name = self._decoding_id if isinstance(request, Complete) else "likelihoods"
        return self._results.answers_under(self._fit_id, name)


def address(request: Request, seed: int) -> str:
    """The key of a request: a hash of its kind, its content and, where it is decoded, its seed."""
    content = {"format": FORMAT_VERSION, "kind": type(request).__name__, **asdict(request)}
    if isinstance(request, Complete):
        content["seed"] = seed
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def _packed(value: Any) -> Any:
    """An answer, or a value in one, as JSON without loss."""
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), _NUMBERS: _as_text(value)}
    if isinstance(value, tuple) and value and all(type(number) is float for number in value):
        return {_NUMBERS: _as_text(np.array(value))}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _packed(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, "fields": fields}
    return value


def _unpacked(node: Any) -> Any:
    """The value that `_packed` packed. Arrays have one dimension; sequences are tuples."""
    if isinstance(node, list):
        return tuple(node)
    if not isinstance(node, dict):
        return node
    if "class" in node:
        return _CLASSES[node["class"]](**{name: _unpacked(value) for name, value in node["fields"].items()})
    if "dtype" in node:
        return _from_text(node[_NUMBERS], np.dtype(node["dtype"]))
    return tuple(_from_text(node[_NUMBERS], np.dtype(np.float64)).tolist())


def _as_text(numbers: np.ndarray) -> str:
    """The bytes of (N,) numbers, first bytes first, of whole numbers their steps: so zlib finds what repeats."""
    steps = np.diff(numbers, prepend=numbers.dtype.type(0)) if numbers.dtype.kind == "i" else numbers
    planes = np.ascontiguousarray(steps).view(np.uint8).reshape(len(numbers), numbers.dtype.itemsize).T
    return base64.b64encode(planes.tobytes()).decode()


def _from_text(text: str, dtype: np.dtype[Any]) -> np.ndarray:
    """The numbers that `_as_text` wrote."""
    planes = np.frombuffer(base64.b64decode(text), np.uint8).reshape(dtype.itemsize, -1)
    numbers = np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
    return numbers.cumsum(dtype=dtype) if dtype.kind == "i" else numbers
