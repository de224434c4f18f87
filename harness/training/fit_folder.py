"""A fit's folder, checked: fit.json is sealed (harness/common/sealed.py) over the fit's files. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.common.results_folder import CURVE_FILE, FIT_FILE
from harness.common.sealed import Damaged, check_itself, content_digest, read_object, read_sealed


def fit_facts(folder: Path) -> dict[str, Any]:
    """The content of fit.json, after every file of the fit was checked against its digest. Raises Damaged where a file
    was changed or is missing."""
    part_of = _named(folder)
    try:
        facts = read_sealed(folder / FIT_FILE, part_of)
    except FileNotFoundError:
        raise Damaged(folder / FIT_FILE, part_of, "it is missing") from None
    if facts.get("fit_id") != folder.name:
        raise Damaged(folder / FIT_FILE, part_of, f"it is of fit {facts.get('fit_id')}")
    return facts


def fit_digest(folder: Path) -> str:
    """A hash of what a fit's answers depend on: its weights, its settings and its tokenizer. Raises Damaged where
    fit.json is damaged; the other files aren't read."""
    part_of = _named(folder)
    try:
        content = read_object(folder / FIT_FILE, part_of)
    except FileNotFoundError:
        raise Damaged(folder / FIT_FILE, part_of, "it is missing") from None
    files = check_itself(folder / FIT_FILE, content, part_of)
    return content_digest({name: digest for name, digest in files.items() if name != CURVE_FILE})


def _named(folder: Path) -> str:
    return f"fit {folder.name}"
