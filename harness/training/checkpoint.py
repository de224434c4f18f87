"""What the next training step needs, in a file."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from harness.common.files import write_bytes

log = logging.getLogger("bakeoff")

TRAIN_STATE_FILE = "train_state.safetensors"


class Checkpoint:
    """The file from which an unfinished fit continues: tensors in named parts, facts, and a digest of both."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, parts: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
        tensors = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        packed = {name: value.cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
        facts_json = json.dumps(facts)
        write_bytes(self.path, save(packed, metadata={"facts": facts_json, "sha256": _digest(packed, facts_json)}))

    def read(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
        """The parts and facts that `write` saved, on the processor; a part that was empty is empty again. None where
        there is no file or it is damaged: the fit then starts over."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                metadata = file.metadata() or {}
        except (SafetensorError, OSError, ValueError) as error:
            log.warning("%s is damaged (%s): the fit starts over", self.path, error)
            return None
        if metadata.get("sha256") != _digest(tensors, metadata.get("facts", "")):
            log.warning("%s is damaged (its content changed after it was written): the fit starts over", self.path)
            return None
        parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for key, value in tensors.items():
            part, _, name = key.partition(".")
            parts[part][name] = value
        return parts, json.loads(metadata["facts"])


def _digest(tensors: Mapping[str, Tensor], facts: str) -> str:
    """SHA-256 (hex) of tensors, by name, and of the facts beside them."""
    total = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        value = tensors[name]
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
