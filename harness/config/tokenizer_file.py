"""A tokenizer as a file, tokenizer.json: the tokenizer's own JSON, and the settings class that reads it.

The class is named by its `_target_`, as in options, with the same rule: it must be in an installed option, or in a
plugin file that the user named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.common.files import write_bytes
from harness.common.reading import read_bytes
from harness.config.compose import refuse_foreign
from harness.config.identity import plain
from harness.config.options import files_of, relocated
from harness.config.settings import TARGET, settings_class
from harness.text.tokenizers.tokenizer import Tokenizer, TokenizerSettings, canonical_json

TOKENIZER_FILE = "tokenizer.json"


def save_tokenizer(tokenizer: Tokenizer, settings: TokenizerSettings, folder: Path) -> None:
    """Write a tokenizer that these settings made into a folder, atomically."""
    target = {TARGET: plain(settings)[TARGET]}
    content = {**target, "plugins": files_of(target), "tokenizer": json.loads(tokenizer.to_json())}
    write_bytes(folder / TOKENIZER_FILE, canonical_json(content).encode())


@dataclass(frozen=True)
class SavedTokenizer:
    """What a tokenizer.json holds."""

    file: Path
    target: Mapping[str, str]
    """The settings class that reads it, under `_target_`."""
    plugins: Mapping[str, str]
    """The path of its plugin file, by module; empty where it is in none."""
    content: Any
    """The tokenizer's own JSON."""


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a tokenizer.json, or in a folder with one.

    UserError where it can't be read, or where its class is in a plugin that is neither installed nor named by the user:
    nothing is imported only because the file names it.
    """
    saved = saved_tokenizer(path)
    refuse_foreign(saved.target, saved.file, saved.plugins)
    settings = settings_class(saved.target, TokenizerSettings, str(saved.file))  # type: ignore[type-abstract]
    try:
        return settings.read(canonical_json(saved.content))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{saved.file} is a damaged tokenizer of {saved.target[TARGET]} ({error!r}). Train it again."
        ) from error


def saved_tokenizer(path: Path) -> SavedTokenizer:
    """What a tokenizer.json, or one in a folder, holds; nothing is imported. UserError where it can't be read."""
    file = path / TOKENIZER_FILE if path.is_dir() else path
    try:
        saved = json.loads(read_bytes(file))
        target, plugins, content = {TARGET: str(saved[TARGET])}, dict(saved["plugins"]), saved["tokenizer"]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"can't read a tokenizer from {file} ({error}). Give a run's folder or its {TOKENIZER_FILE}."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} is not a tokenizer of bakeoff ({error!r}). Give the {TOKENIZER_FILE} of a fit, or make that "
            "fit again."
        ) from error
    return SavedTokenizer(file, relocated(target), plugins, content)
