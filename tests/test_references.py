"""The committed results match today's evals and records, or are listed here as outdated."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from harness.evaluation.eval import Eval
from harness.runs.record import SCHEMA_VERSION

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
# To be made again, by the commands in each folder's README: what was made with an older version, and with which.
# An entry goes when its folder is made again.
TO_BE_MADE_AGAIN: dict[str, dict[str, list[int]]] = {
    "addition": {"schema": [1], "arithmetic": [2]},
    "addition_by_size": {"schema": [1], "arithmetic": [2]},
    "combinations": {"schema": [1], "perplexity": [1]},
    "compression": {"schema": [1]},
    "decoding": {"schema": [1], "arithmetic": [2], "turn_taking": [2]},
    "families": {"next_speaker": [1]},
    "multiplication": {"schema": [1], "arithmetic": [2]},
    "ngram": {"schema": [1], "perplexity": [1]},
    "turn_taking": {"schema": [1], "turn_taking": [2]},
}
FOLDERS = sorted(table.parent.name for table in REFERENCE.glob("*/summary.parquet"))


def version_of(name: str) -> int:
    """Today's version of an eval."""
    members = vars(importlib.import_module(f"evals.{name}")).values()
    [version] = [
        member.version
        for member in members
        if isinstance(member, type) and issubclass(member, Eval) and member is not Eval
    ]
    return version


def outdated(made_with: dict[str, object]) -> dict[str, list[int]]:
    """The parts of a reference that were made with another version, and that version."""
    evals, schema = made_with["evals"], made_with["schema_version"]
    assert isinstance(evals, dict)
    assert isinstance(schema, int)
    older = {name: versions for name, versions in evals.items() if versions != [version_of(name)]}
    return older if schema == SCHEMA_VERSION else {"schema": [schema], **older}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_committed_result_is_no_older_than_the_code_or_is_listed(folder: str) -> None:
    made_with = json.loads((REFERENCE / folder / "made_with.json").read_text())
    assert outdated(made_with) == TO_BE_MADE_AGAIN.get(folder, {}), (
        f"results/reference/{folder} was made with other versions than today's: make it again as its README says, and "
        "take it off the list; or list it"
    )


def test_only_folders_that_there_are_are_listed() -> None:
    assert TO_BE_MADE_AGAIN.keys() <= set(FOLDERS)


def test_an_older_eval_or_schema_is_outdated() -> None:
    today = {"schema_version": SCHEMA_VERSION, "evals": {"arithmetic": [version_of("arithmetic")]}}
    assert outdated(today) == {}
    assert outdated({**today, "evals": {"arithmetic": [1]}}) == {"arithmetic": [1]}
    assert outdated({**today, "schema_version": 1}) == {"schema": [1]}
