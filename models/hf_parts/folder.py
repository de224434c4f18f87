"""A folder of the transformers library as files: which of them make the model, and what is in them.

Only config.json and safetensors are read. This module does not use the library itself.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
from pathlib import Path

CONFIG_FILE, WEIGHTS_FILE, INDEX_FILE = "config.json", "model.safetensors", "model.safetensors.index.json"


def absolute(path: str) -> str:
    """The same folder from any working directory; ~ is the user's home. A symbolic link stays one."""
    return os.path.abspath(os.path.expanduser(path))


def model_files(path: str) -> list[Path]:
    """The configuration and the weights. ValueError, with a sentence for the user, where one is missing."""
    folder = Path(path)
    config, weights, index = folder / CONFIG_FILE, folder / WEIGHTS_FILE, folder / INDEX_FILE
    if not config.is_file():
        missing = f"no {CONFIG_FILE} in it" if folder.is_dir() else "no such folder"
        raise ValueError(
            f"model.path={path} is not a folder of a transformers model: there is {missing}. Name a folder with "
            f"{CONFIG_FILE} and {WEIGHTS_FILE}, as save_pretrained writes it."
        )
    if weights.is_file():
        return [config, weights]
    if not index.is_file():
        others = ", ".join(sorted(file.name for file in folder.glob("*.bin"))) or "no other weights either"
        raise ValueError(
            f"model.path={path} has no {WEIGHTS_FILE} ({others}). Other formats can contain code and aren't read. "
            "Load the model where you trust it, and write it with save_pretrained."
        )
    try:
        parts = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{index} is damaged ({error!r}). Download the model's files again.") from None
    absent = [part for part in parts if not (folder / part).is_file()]
    if absent:
        raise ValueError(
            f"model.path={path} lacks {', '.join(absent)}, which {INDEX_FILE} names. Download these files as well."
        )
    return [config, index, *(folder / part for part in parts)]


def content_sha256(files: list[Path]) -> str:
    """SHA-256 (hex) over the files' names and contents."""
    hashes = [f"{file.name} {_file_sha256(file, file.stat().st_size, file.stat().st_mtime_ns)}\n" for file in files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def num_params(files: list[Path]) -> int:
    """Of all tensors in these files, by what their headers say; no weights are read."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for file in (file for file in files if file.suffix == ".safetensors"):
        try:
            with safe_open(file, framework="numpy") as tensors:
                total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.offset_keys())
        except SafetensorError as error:
            raise ValueError(f"{file} is damaged ({error}). Download the model's files again.") from None
    return total


@functools.cache
def _file_sha256(file: Path, size: int, mtime_ns: int) -> str:
    """Weights are large and hashed often: they are read again only when their size or time has changed."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
