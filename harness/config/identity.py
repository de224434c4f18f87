"""Names of settings by their content: plain values, identities and hashes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config.plugins import source_sha256
from harness.config.settings import TARGET

SOURCE = "source_sha256"
"""The key of the hash of a plugin's source."""
WITHOUT_EFFECT = (".counting_megabytes", ".ratings.folder")
"""Ends of the dotted names of settings that change no result: no two runs are told apart by them."""


def plain(value: Any) -> Any:
    """Settings as plain values, from which `build` makes them again: each class under `_target_`, and every field."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        cls = type(value)
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {TARGET: f"{cls.__module__}.{cls.__qualname__}", **fields}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def identity(value: Any) -> Any:
    """Settings as plain JSON values for content hashes: the class's name, its version and every field, nested ones too;
    for settings that name files, the hash of their content (`content_sha256`); for a plugin's class, the hash of its
    source.

    The module is left out, so a class can be moved. Fields whose metadata says that they change no results, such as a
    limit on memory, are left out too.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: identity(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.metadata.get("changes_results", True)
        }
        source = source_sha256(type(value).__module__)
        return {
            "class": type(value).__qualname__,
            "version": getattr(value, "version", 1),
            **({SOURCE: source} if source is not None else {}),
            **({"content_sha256": value.content_sha256} if hasattr(value, "content_sha256") else {}),
            "fields": fields,
        }
    if isinstance(value, Mapping):
        return {str(key): identity(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [identity(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def content_hash(content: Any) -> str:
    """12 hexadecimal digits of the SHA-256 of plain JSON values."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
