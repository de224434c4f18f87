"""`bakeoff new`: the files of a new plugin, which work unchanged: code, options and test."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template

from harness.common.errors import UserError, closest
from harness.common.files import write_bytes
from harness.config.options import options
from harness.config.plugins import SUFFIX

GROUPS = {
    "eval": "evals",
    "model": "model",
    "decoding": "decoding",
    "data": "data",
    "tokenizer": "tokenizer",
    "reward": "rewards",
}
"""The kinds of plugin, and the group that picks each."""
TEMPLATES = {"model": ("counting", "neural"), "decoding": ("transform", "chooser")}
"""The templates of kinds that have several; the first is the default."""
_TEMPLATES = Path(__file__).resolve().parent / "templates"


def start(kind: str, name: str, folder: Path, template: str | None = None) -> list[Path]:
    """Write NAME.py, NAME.yaml and test_NAME.py into a folder; returns their paths.

    kind: a key of GROUPS. template: one of its TEMPLATES. UserError, before anything is written, where there is no such
    template, the name can't be used or a file exists.
    """
    beginning = _beginning(kind, template)
    paths = {
        "py": folder / f"{name}{SUFFIX}",
        "yaml": folder / f"{name}.yaml",
        "test": folder / f"test_{name}{SUFFIX}",
    }
    existing = [str(path) for path in paths.values() if path.exists()]
    if existing:
        verbs = "exists already, and is" if len(existing) == 1 else "exist already, and are"
        raise UserError(f"{', '.join(existing)} {verbs} not overwritten. Pick another name or --folder.")
    _check_name(kind, name)
    words = {"name": name, "class_name": "".join(part.capitalize() for part in name.split("_"))}
    try:
        for part, path in paths.items():
            source = _TEMPLATES / (f"{beginning}_test.py.txt" if part == "test" else f"{beginning}.{part}.txt")
            write_bytes(path, Template(source.read_text(encoding="utf-8")).substitute(words).encode())
    except OSError as error:
        raise UserError(
            f"{folder} can't be written to ({error.strerror}). Name another folder with --folder."
        ) from None
    return list(paths.values())


def _beginning(kind: str, template: str | None) -> str:
    """What the names of a template's files begin with: 'model', 'model_neural'. UserError where there is none."""
    names = TEMPLATES.get(kind, ())
    if template is None or template in names[:1]:
        return kind
    if template in names:
        return f"{kind}_{template}"
    there_is = f"there is --template {' and --template '.join(names)}" if names else "there is only one: leave it out"
    raise UserError(f"--template {template} is none for {kind!r}.{closest(template, names)} For it {there_is}.")


def _check_name(kind: str, name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name) or name.startswith("test_"):
        raise UserError(
            f"{name!r} can't name a plugin. Use lower-case letters, digits and single '_', beginning with a letter, as "
            f"my_{kind}; Python keywords and names that begin with test_ are not allowed."
        )
    if "_global_" in name:
        raise UserError(
            f"{name!r} can't name a plugin, because '_global_' means the whole configuration. Pick another name."
        )
    group = GROUPS[kind]
    if name in options(group):
        raise UserError(f"{name!r} is taken: {group}={name} exists already. Pick another name.")
    if importlib.util.find_spec(name) is not None:
        raise UserError(f"{name!r} would hide the Python package or module of that name. Pick another name.")
