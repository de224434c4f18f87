"""What the next training step needs, in a file."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from harness.common.files import write_bytes

TRAIN_STATE_FILE = "train_state.safetensors"


class Checkpoint:
    """The file from which an unfinished fit goes on: tensors in named parts, and facts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        return self.path.exists()

    def write(self, parts: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
        tensors = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        packed = {name: value.cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
        write_bytes(self.path, save(packed, metadata={"facts": json.dumps(facts)}))

    def read(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """What `write` was given, on the processor; a part that was empty is empty again."""
        parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
        with safe_open(self.path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118
                part, _, name = key.partition(".")
                parts[part][name] = file.get_tensor(key)
            return parts, json.loads(file.metadata()["facts"])
